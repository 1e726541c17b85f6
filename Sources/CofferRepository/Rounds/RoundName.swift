import CofferStorage
import CofferSystem

/// What an object of a compaction's round is.
package enum RoundObjectKind: String, Sendable, CaseIterable {
  case plan
  case closing = "closed"
  case sweep
}

/// The name of an object of a round: `gc/<round>-<kind>-<tag>`.
package struct RoundName: Sendable, Hashable {
  static let folder = "gc"
  /// Round numbers have at most nine digits.
  package static let rounds = 1...999_999_999
  /// Hex digits of a tag.
  private static let tagLength = 32

  package let round: Int
  package let kind: RoundObjectKind
  package let objectName: ObjectName

  /// - Returns: nil for a name that no object of a round has.
  init?(_ name: ObjectName) {
    let parts = name.parts
    guard parts.count == 2, parts[0].isSame(as: Self.folder) else { return nil }
    let fields = parts[1].parts(by: "-")
    guard fields.count == 3, let round = Self.number(fields[0]),
      let kind = RoundObjectKind(rawValue: String(fields[1])),
      Hexadecimal.isDigits(fields[2], Self.tagLength)
    else { return nil }
    self.round = round
    self.kind = kind
    objectName = name
  }

  /// The one name of a kind that a round has.
  init?(round: Int, _ kind: RoundObjectKind, tags: RootTags) throws {
    let prefix = Self.prefix(round, kind)
    guard Self.rounds.contains(round), let name = ObjectName(prefix + (try tags.tag(of: prefix))) else { return nil }
    self.round = round
    self.kind = kind
    objectName = name
  }

  static func prefix(_ round: Int, _ kind: RoundObjectKind) -> String { "\(folder)/\(round)-\(kind.rawValue)-" }

  /// One spelling of each number only: two names of one object would be two decisions.
  private static func number(_ text: some StringProtocol) -> Int? {
    let digits = text.utf8
    guard (1...9).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }), digits.first != 0x30 else {
      return nil
    }
    return Int(String(text))
  }
}

/// Makes the tags in names, of rounds' objects for example, that only full keys give: nobody else takes one beforehand.
///
/// A tag is the first 16 bytes of keyed BLAKE2b over the name before it, in hex. Its key comes from the root's seed, which all
/// full keys of a repository have in common, and which stays as long as the repository does: the header names its public half.
struct RootTags: Sendable {
  private let key: SecretBytes

  /// - Returns: nil for a write-only key.
  init?(_ keys: KeyBundle, _ header: RepositoryHeader) throws {
    guard let root = keys.rootPrivate else { return nil }
    key = try KeyDerivation.hkdf(secret: root, salt: header.salt, label: "coffer collection tag", count: 32)
  }

  /// The same of another key than the root's.
  init(key: SecretBytes) {
    self.key = key
  }

  func tag(of prefix: String) throws -> String {
    String(try MessageAuthentication.code(of: Array(prefix.utf8), key: key).hex.prefix(32))
  }

  /// Whether a name is the one that a full key gives to the object.
  func isRight(_ name: RoundName) throws -> Bool {
    let prefix = RoundName.prefix(name.round, name.kind)
    return name.objectName.path.isSame(as: prefix + (try tag(of: prefix)))
  }
}
