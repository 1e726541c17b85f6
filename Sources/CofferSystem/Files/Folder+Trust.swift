import CSystem
import Glibc

/// A place that another user can put something else into, where only the program's own may be.
public struct UntrustedPlace: DiagnosableError, Equatable {
  public let path: String
  public let problem: String
  public let suggestion: String

  public init(path: String, problem: String, suggestion: String) {
    self.path = path
    self.problem = problem
    self.suggestion = suggestion
  }

  public var diagnosis: Diagnosis { Diagnosis(subject: path, problem: problem, suggestion: suggestion) }
}

extension Folder {
  /// How much of the way to a folder must be ours or root's.
  public enum Trust: Sendable {
    /// Links are followed only when they are ours or root's, so that nobody else chooses where something is written. The
    /// folder itself may be anybody's.
    case links
    /// Besides, nobody else can put another folder in this one's place or in one on the way: each is ours or root's, and
    /// where others may write it is sticky.
    case folders
  }

  /// How many links a way may lead through, as the kernel has it.
  public static let linkLimit = 40

  /// Opens the folder at a path, looking at each part of it.
  ///
  /// - Parameters:
  ///   - path: Absolute.
  ///   - mode: Makes what is missing, with this mode; nil makes nothing.
  /// - Throws: `UntrustedPlace`; `SystemError`.
  public static func trusted(_ path: String, _ trust: Trust, makingWith mode: mode_t? = nil) throws -> Folder {
    guard path.utf8.first == UInt8(ascii: "/") else { throw SystemError(call: "open", subject: path, code: EINVAL) }
    var current = try Folder.root()
    var rest = Array(Self.parts(Array(path.utf8)).reversed())
    // The folders that `..` of a link's target leads back to.
    var above: [Folder] = []
    var links = 0
    while let part = rest.popLast() {
      if part.elementsEqual("..".utf8) {
        current = above.popLast() ?? current
        continue
      }
      let name = EntryName(bytes: part)
      if let target = try current.trustedTarget(of: name) {
        links += 1
        guard links <= linkLimit else { throw SystemError(call: "open", subject: path, code: ELOOP) }
        if target.first == UInt8(ascii: "/") {
          current = try Folder.root()
          above = []
        }
        rest += Self.parts(target).reversed()
        continue
      }
      if trust == .folders { try current.checkOthers() }
      if let mode, try !current.holds(name) { try current.makeMissing(name, mode) }
      above.append(current)
      current = try current.step(name)
    }
    if trust == .folders { try current.checkOthers() }
    return try current.reopened(path)
  }

  /// The root of all paths, open for ways that begin there.
  public static func root() throws(SystemError) -> Folder {
    Folder(owning: try FileDescriptor(opening: "/", flags: O_DIRECTORY | coffer_open_path), path: "/")
  }

  /// Opens a folder on the way: one that this user may pass through, though not look into.
  private func step(_ name: EntryName) throws(SystemError) -> Folder {
    Folder(owning: try open(name, flags: O_DIRECTORY | coffer_open_path), path: path(of: name))
  }

  /// Another run may make it at the same moment.
  private func makeMissing(_ name: EntryName, _ mode: mode_t) throws(SystemError) {
    do throws(SystemError) { try makeFolder(name, mode: mode) } catch {
      guard error.code == EEXIST else { throw error }
    }
  }

  /// The folder open for everything that this user may do with it.
  private func reopened(_ path: String) throws(SystemError) -> Folder {
    var own = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if own < 0, errno == EACCES { own = fcntl(number, F_DUPFD_CLOEXEC, 0) }
    guard own >= 0 else { throw SystemError(call: "open", subject: path) }
    return Folder(owning: FileDescriptor(owning: own), path: path)
  }

  /// The names of a path, without those that lead nowhere.
  public static func parts(_ path: [UInt8]) -> [[UInt8]] {
    path.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }.map(Array.init)
  }

  /// - Returns: Where a link leads; nil for anything else, also for nothing.
  /// - Throws: `UntrustedPlace` for a link of another user.
  private func trustedTarget(of name: EntryName) throws -> [UInt8]? {
    let facts: stat
    do throws(SystemError) {
      facts = try status(of: name)
    } catch {
      guard error.code == ENOENT else { throw error }
      return nil
    }
    guard facts.st_mode & S_IFMT == S_IFLNK else { return nil }
    let link = try link(name)
    guard Self.isOurs(link.facts) else {
      throw UntrustedPlace(
        path: path(of: name),
        problem: "The link belongs to \(Self.owner(link.facts)), who could lead it anywhere; it is not followed",
        suggestion: "Name the place that it leads to, or one that other users cannot change")
    }
    return link.target
  }

  /// - Throws: `UntrustedPlace` when another user can take something out of the folder that is not his.
  private func checkOthers() throws {
    let facts = try status()
    guard Self.isOurs(facts) else {
      throw UntrustedPlace(
        path: path, problem: "The folder belongs to \(Self.owner(facts)), who could replace what is in it",
        suggestion: "Choose a folder of root or of the user who runs this")
    }
    guard facts.st_mode & S_ISVTX != 0 || !Self.mayOthersWrite(facts, number) else {
      throw UntrustedPlace(
        path: path, problem: "Other users may write to the folder, and could replace what is in it",
        suggestion: "chmod go-w \(Quoting.shellWord(path))")
    }
  }

  /// Whether a file is of this user or of root, whom nothing can be hidden from.
  public static func isOurs(_ facts: stat) -> Bool { facts.st_uid == geteuid() || facts.st_uid == 0 }

  /// A file's owner as messages call it.
  public static func owner(_ facts: stat) -> String {
    guard let entry = getpwuid(facts.st_uid) else { return "user \(facts.st_uid)" }
    return "user \(String(cString: entry.pointee.pw_name))"
  }
}
