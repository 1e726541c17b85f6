import CofferSystem
import Foundation

/// What is to be known of a database file without SQLite.
struct SQLiteFile {
  /// The path with symbolic links followed, so that a rename replaces the file and not the link.
  let path: String

  init(_ path: String) {
    guard let real = realpath(path, nil) else {
      self.path = path
      return
    }
    defer { free(real) }
    self.path = String(cString: real)
  }

  var folder: String { (path as NSString).deletingLastPathComponent }

  var exists: Bool { access(path, F_OK) == 0 }

  /// Whether the file begins as databases do; an empty file does not.
  var isDatabase: Bool {
    let magic = Array("SQLite format 3\0".utf8)
    var bytes = [UInt8](repeating: 0, count: magic.count)
    guard let file = try? FileDescriptor(opening: path, flags: O_RDONLY),
      let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0, subject: path) })
    else { return false }
    return bytes[..<count].elementsEqual(magic)
  }

  /// A URI for sqlite3, which makes no new file when it opens one.
  func uri(_ parameter: String) -> String {
    let allowed = CharacterSet(charactersIn: "/-_.~").union(.alphanumerics)
    return "file:\(path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path)?\(parameter)"
  }

  /// The permission bits and the owner.
  var permissions: Permissions? {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    return Permissions(mode: facts.st_mode & 0o7777, userID: facts.st_uid, groupID: facts.st_gid)
  }

  struct Permissions: Equatable {
    var mode: mode_t
    var userID: uid_t
    var groupID: gid_t
  }
}

extension SQLiteFile.Permissions {
  /// As a dump's facts keep them.
  var details: [String: String] {
    ["mode": String(mode, radix: 8), "uid": String(userID), "gid": String(groupID)]
  }

  init?(details: [String: String]) {
    guard let mode = details["mode"].flatMap({ mode_t($0, radix: 8) }),
      let userID = details["uid"].flatMap(uid_t.init), let groupID = details["gid"].flatMap(gid_t.init)
    else { return nil }
    self.init(mode: mode & 0o7777, userID: userID, groupID: groupID)
  }
}
