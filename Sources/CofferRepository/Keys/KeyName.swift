import CofferStorage
import CofferSystem

/// The name of an object in `keys/`: of a key, and of which of its wrappings.
struct KeyName: Hashable {
  static let folder = "keys"
  /// How often a key may be wrapped anew.
  static let lastRevision = 9999

  let id: KeyID
  /// 0 for the wrapping that the key was made with.
  let revision: Int

  init(_ id: KeyID, revision: Int = 0) {
    self.id = id
    self.revision = revision
  }

  /// - Returns: nil for a name that no key has.
  init?(_ path: String) {
    let parts = path.parts(by: "/")
    guard parts.count == 2, parts[0] == Self.folder else { return nil }
    let words = parts[1].parts(by: "-")
    guard let id = KeyID(hex: words[0]), words.count <= 2 else { return nil }
    self.id = id
    guard words.count == 2 else {
      revision = 0
      return
    }
    guard let number = Int(words[1]), (1...Self.lastRevision).contains(number), "\(number)" == words[1] else {
      return nil
    }
    revision = number
  }

  var object: ObjectName? { ObjectName("\(Self.folder)/\(id)" + (revision == 0 ? "" : "-\(revision)")) }

  /// Whether a path is that of the folder, or one that first wrappings have: what a program leaves that was killed while
  /// it made a repository.
  static func isLeftOfCreation(_ path: String) -> Bool {
    path == folder || KeyName(path)?.revision == 0
  }
}
