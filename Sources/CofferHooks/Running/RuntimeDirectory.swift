import CofferSystem
import Foundation

/// A run's own folder for FIFOs and for dumps that cannot stream.
///
/// At its end a run removes its own folder. At its beginning it removes what runs that were killed have left, but only
/// folders whose owner is certainly gone; other runs' folders are left alone.
public final class RuntimeDirectory: Sendable {
  public let path: String
  private let owner: RuntimeOwner

  /// A runtime directory that cannot be used.
  public enum Failure: DiagnosableError, Equatable {
    case notAbsolute(path: String, source: String)
    case unusable(SystemError)

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
      }
    }
  }

  /// Makes a new private folder below the base directory.
  ///
  /// - Throws: `Failure`.
  public init(base: String) throws(Failure) {
    do {
      try FileManager.default.createDirectory(
        atPath: base, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .unusable(SystemError(call: "mkdir", subject: base, code: Self.code(of: error)))
    }
    Self.sweep(base)
    var template = Array("\(base)/\(Self.prefix)XXXXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .unusable(SystemError(call: "mkdtemp", subject: base)) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do {
      owner = try RuntimeOwner.mark(path)
    } catch {
      throw .unusable(error as? SystemError ?? SystemError(call: "write", subject: path, code: EIO))
    }
  }

  private static let prefix = "coffer-"

  private static func sweep(_ base: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
    for name in names where isRunName(name) {
      let folder = "\(base)/\(name)"
      if RuntimeOwner.hasAbandoned(folder) { try? FileManager.default.removeItem(atPath: folder) }
    }
  }

  /// Whether a folder is one that a run has made for itself, this one or another.
  public static func isRunFolder(_ path: String) -> Bool {
    guard let name = path.split(separator: "/").last, isRunName(name) else { return false }
    return RuntimeOwner.marks(path)
  }

  private static func isRunName(_ name: some StringProtocol) -> Bool {
    name.hasPrefix(prefix) && name.utf8.count == prefix.utf8.count + 8
  }

  private static func code(of error: any Error) -> Int32 {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    return underlying.map { Int32($0.code) } ?? EACCES
  }

  deinit {
    remove()
  }

  /// Removes the folder with all that is in it.
  public func remove() {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Returns the folder that private ones are made in: what is configured, then $XDG_RUNTIME_DIR, the first of
  /// $RUNTIME_DIRECTORY, $TMPDIR, $TEMP, and /tmp.
  ///
  /// - Throws: `Failure.notAbsolute`.
  public static func base(configured: String?, environment: ProcessEnvironment) throws(Failure) -> String {
    let candidates: [(source: String, path: String?)] = [
      ("user_runtime_directory", configured), ("XDG_RUNTIME_DIR", environment["XDG_RUNTIME_DIR"]),
      ("RUNTIME_DIRECTORY", environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first.map(String.init)),
      ("TMPDIR", environment["TMPDIR"]), ("TEMP", environment["TEMP"]),
    ]
    guard let (source, path) = candidates.first(where: { !($0.path ?? "").isEmpty }), let path else { return "/tmp" }
    guard path.hasPrefix("/") else { throw .notAbsolute(path: path, source: source) }
    return path
  }

  /// Makes a folder, 0700, and those above it, below this one.
  ///
  /// - Throws: `Failure.unusable`.
  func makeFolder(_ relative: String) throws(Failure) -> String {
    let folder = "\(path)/\(relative)"
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .unusable(SystemError(call: "mkdir", subject: folder, code: Self.code(of: error)))
    }
    return folder
  }

  /// Makes the folders above a path below this folder.
  ///
  /// - Returns: The whole path.
  /// - Throws: `Failure.unusable`.
  func makeParent(of relative: String) throws(Failure) -> String {
    _ = try makeFolder(relative.split(separator: "/").dropLast().joined(separator: "/"))
    return "\(path)/\(relative)"
  }

  /// Makes a FIFO, 0600, and the folders above it.
  ///
  /// - Throws: `Failure.unusable`.
  func makeFIFO(_ relative: String) throws(Failure) -> String {
    let fifo = try makeParent(of: relative)
    guard mkfifo(fifo, 0o600) == 0 else { throw .unusable(SystemError(call: "mkfifo", subject: fifo)) }
    return fifo
  }
}
