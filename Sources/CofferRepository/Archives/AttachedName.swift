import CofferStorage
import CofferSystem

/// The name of an object that a full key has attached to an archive: `<folder>/<archive id>-<16 hex>-<tag>`.
struct AttachedName: Sendable, Hashable {
  private static let numberSize = 8
  private static let tagLength = 32

  let archiveID: String
  let objectName: ObjectName
  /// All before the tag.
  private let prefix: String

  /// - Parameter folder: For objects of one kind.
  /// - Returns: nil for a name that no such object has.
  init?(_ name: ObjectName, in folder: String) {
    let parts = name.parts
    guard parts.count == 2, parts[0].isSame(as: folder) else { return nil }
    let fields = parts[1].parts(by: "-")
    guard fields.count > 2, Hexadecimal.isDigits(fields[fields.count - 1], Self.tagLength),
      Hexadecimal.isDigits(fields[fields.count - 2], Self.numberSize * 2)
    else { return nil }
    archiveID = fields.dropLast(2).joined(separator: "-")
    prefix = "\(folder)/\(archiveID)-\(fields[fields.count - 2])-"
    objectName = name
  }

  /// A name that nothing has yet.
  ///
  /// - Returns: nil for what is no archive's id.
  init?(archiveID: String, in folder: String, random: RandomSource, tags: RootTags) throws {
    let prefix = "\(folder)/\(archiveID)-\(Hexadecimal.encode(try random.bytes(Self.numberSize)))-"
    guard let name = ObjectName(prefix + (try tags.tag(of: prefix))) else { return nil }
    self.archiveID = archiveID
    self.prefix = prefix
    objectName = name
  }

  /// Whether it is a name that a full key has given.
  func isRight(_ tags: RootTags) throws -> Bool { objectName.path.isSame(as: prefix + (try tags.tag(of: prefix))) }
}
