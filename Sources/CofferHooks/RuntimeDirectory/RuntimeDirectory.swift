import CofferSystem
import Glibc

/// A run's own folder for FIFOs and for dumps that cannot stream.
///
/// At its end a run removes its own folder. At its beginning it removes what runs that were killed have left, but only
/// folders whose owner is certainly gone; other runs' folders are left alone.
///
/// The folder that it is made in is looked at part by part: nobody but this user and root can put anything in its place.
/// Therefore its path may be given to programs that can be given nothing else.
public final class RuntimeDirectory: Sendable {
  public let path: String
  /// The folder itself.
  public let folder: Folder
  private let base: Folder
  private let name: EntryName
  private let owner: RuntimeOwner

  /// A runtime directory that cannot be used.
  public enum Failure: DiagnosableError, Equatable {
    case notAbsolute(path: String, source: String)
    case unusable(SystemError)
    case untrusted(UntrustedPlace)

    public var diagnosis: Diagnosis {
      switch self {
      case .notAbsolute(let path, let source):
        Diagnosis(
          subject: source, problem: "The runtime directory '\(path)' is not an absolute path",
          suggestion: "Write it from the root on, for example /run/user/1000")
      case .unusable(let error):
        Diagnosis(
          subject: "runtime directory \(error.subject)", problem: "\(error.call) failed: \(error.reason)",
          suggestion: "Set user_runtime_directory to a folder that this user may write to")
      case .untrusted(let place):
        Diagnosis(
          subject: "runtime directory \(place.path)", problem: place.problem,
          suggestion: "\(place.suggestion), or set user_runtime_directory to another folder")
      }
    }
  }

  /// Makes a new private folder below the base directory.
  ///
  /// - Throws: `Failure`.
  public init(base path: String) throws(Failure) {
    do {
      base = try Folder.trusted(path, .folders, makingWith: 0o700)
      Self.sweep(base)
      name = EntryName(Self.prefix + Self.random())
      folder = try base.makeFolder(name)
    } catch {
      throw Self.failure(error)
    }
    self.path = base.path(of: name)
    do {
      owner = try RuntimeOwner.mark(folder)
    } catch {
      // Without its mark it would never be swept.
      try? base.removeTree(name)
      throw Self.failure(error)
    }
  }

  private static func failure(_ error: any Error) -> Failure {
    switch error {
    case let error as Failure: error
    case let error as UntrustedPlace: .untrusted(error)
    case let error as SystemError: .unusable(error)
    default: .unusable(SystemError(call: "mkdir", subject: String(describing: error), code: EIO))
    }
  }

  private static let prefix = "coffer-"
  private static let randomLength = 16

  /// Nobody can know the name before the folder is there.
  private static func random() -> String {
    let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
    return String(repeating: "0", count: randomLength - digits.utf8.count) + digits
  }

  private static func sweep(_ base: Folder) {
    for name in (try? base.names()) ?? [] where isRunName(name) {
      guard let folder = try? base.folder(name), RuntimeOwner.hasAbandoned(folder) else { continue }
      // The mark goes last: what cannot be removed now, because a program of a drill is still writing, the next run removes.
      guard removeAll(in: folder, but: RuntimeOwner.fileName) else { continue }
      try? base.removeTree(name)
    }
  }

  /// - Returns: Whether nothing else is left.
  private static func removeAll(in folder: Folder, but kept: EntryName) -> Bool {
    do throws(SystemError) {
      for name in try folder.names() where name != kept { try folder.removeTree(name) }
      return true
    } catch {
      return false
    }
  }

  /// Whether a folder is one that a run of this user has made for itself, this one or another. What another user calls
  /// so is a folder like any other.
  public static func isRunFolder(_ folder: Folder, called name: EntryName) -> Bool {
    isRunName(name) && RuntimeOwner.marks(folder)
  }

  private static func isRunName(_ name: EntryName) -> Bool {
    name.bytes.starts(with: prefix.utf8) && name.bytes.count == prefix.utf8.count + randomLength
  }

  deinit {
    remove()
  }

  /// Lets other users reach what is theirs in the folder, if they know its name.
  ///
  /// - Throws: `Failure.unusable`.
  func letOthersThrough() throws(Failure) {
    guard fchmod(folder.number, 0o711) == 0 else { throw .unusable(SystemError(call: "chmod", subject: path)) }
  }

  /// Removes the folder with all that is in it.
  public func remove() {
    try? base.removeTree(name)
  }

  /// Returns the folder that private ones are made in: what is configured, then $XDG_RUNTIME_DIR, the first of
  /// $RUNTIME_DIRECTORY, $TMPDIR, $TEMP, and /tmp. Of what the environment names, folders that another user could change
  /// are passed over: `su` and `sudo -E` leave the variables of somebody else.
  ///
  /// - Throws: `Failure.notAbsolute`.
  public static func base(configured: String?, environment: ProcessEnvironment) throws(Failure) -> String {
    let candidates: [(source: String, path: String?)] = [
      ("user_runtime_directory", configured), ("XDG_RUNTIME_DIR", environment["XDG_RUNTIME_DIR"]),
      ("RUNTIME_DIRECTORY", environment["RUNTIME_DIRECTORY"]?.parts(by: ":", keepingEmpty: false).first),
      ("TMPDIR", environment["TMPDIR"]), ("TEMP", environment["TEMP"]),
    ]
    for (source, path) in candidates {
      guard let path, !path.isEmpty else { continue }
      guard path.begins(with: "/") else { throw .notAbsolute(path: path, source: source) }
      if configured?.isEmpty == false || !isUntrusted(path) { return path }
    }
    return "/tmp"
  }

  /// Whether another user could change the folder; what cannot be looked at is told where it is used.
  private static func isUntrusted(_ path: String) -> Bool {
    do {
      _ = try Folder.trusted(path, .folders)
      return false
    } catch {
      return error is UntrustedPlace
    }
  }

  /// Makes a folder, 0700, and those above it, below this one.
  ///
  /// - Throws: `Failure.unusable`.
  func makeFolder(_ relative: String) throws(Failure) -> String {
    try folder(Self.parts(relative)).path
  }

  /// Makes the folders above a path below this folder.
  ///
  /// - Returns: The whole path.
  /// - Throws: `Failure.unusable`.
  func makeParent(of relative: String) throws(Failure) -> String {
    _ = try folder(Self.parts(relative).dropLast())
    return "\(path)/\(relative)"
  }

  /// Makes a FIFO, 0600, and the folders above it.
  ///
  /// - Throws: `Failure.unusable`.
  func makeFIFO(_ relative: String) throws(Failure) -> String {
    let parts = Self.parts(relative)
    let parent = try folder(parts.dropLast())
    do throws(SystemError) {
      try parent.makeFIFO(parts.last ?? "")
    } catch {
      throw .unusable(error)
    }
    return "\(path)/\(relative)"
  }

  private static func parts(_ relative: String) -> [EntryName] {
    relative.parts(by: "/", keepingEmpty: false).map { EntryName($0) }
  }

  private func folder(_ parts: some Sequence<EntryName>) throws(Failure) -> Folder {
    do throws(SystemError) {
      var current = folder
      for part in parts { current = try current.folder(part, makingWith: 0o700) }
      return current
    } catch {
      throw .unusable(error)
    }
  }
}
