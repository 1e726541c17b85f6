/// Builds a BSON document, field by field (https://bsonspec.org).
struct BSONWriter {
  private var content: [UInt8] = []

  mutating func add(_ name: String, _ text: String) {
    begin(0x02, name)
    content += Self.little(UInt32(text.utf8.count + 1)) + Array(text.utf8) + [0]
  }

  mutating func add(_ name: String, _ truth: Bool) {
    begin(0x08, name)
    content.append(truth ? 1 : 0)
  }

  mutating func add(_ name: String, _ number: Int32) {
    begin(0x10, name)
    content += Self.little(number)
  }

  mutating func add(_ name: String, _ number: Int64) {
    begin(0x12, name)
    content += Self.little(number)
  }

  /// All of it.
  var document: [UInt8] { Self.little(UInt32(content.count + 5)) + content + [0] }

  private mutating func begin(_ kind: UInt8, _ name: String) {
    content.append(kind)
    content += Array(name.utf8) + [0]
  }

  static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}
