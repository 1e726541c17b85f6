import CofferSystem

/// An exported key as lines that can be typed: each carries a checksum of its own.
extension KeyExport {
  fileprivate static let paperMark = "COFFER PAPER KEY 1"
  /// Bytes of a line.
  fileprivate static let lineSize = 18

  /// The lines.
  public var paper: [String] {
    get throws {
      let count = (record.count + Self.lineSize - 1) / Self.lineSize
      let lines = try (0..<count).map { number in
        let bytes = Array(record[number * Self.lineSize..<min((number + 1) * Self.lineSize, record.count)])
        return "\(number + 1): \(Self.groups(bytes)) - \(try Self.lineChecksum(number + 1, bytes))"
      }
      return [Self.paperMark, "repository: \(Self.groups(repository ?? ""))", "key: \(Self.groups(key))"] + lines
        + ["end: \(try checksum)"]
    }
  }

  private static func groups(_ bytes: [UInt8]) -> String { groups(Hexadecimal.encode(bytes)) }

  /// Digits in groups of four.
  private static func groups(_ digits: String) -> String {
    let digits = Array(digits.utf8)
    return stride(from: 0, to: digits.count, by: 4).map {
      String(decoding: digits[$0..<min($0 + 4, digits.count)], as: UTF8.self)
    }.joined(separator: " ")
  }

  /// Four digits.
  fileprivate static func lineChecksum(_ number: Int, _ bytes: [UInt8]) throws -> String {
    Hexadecimal.encode(try ContentHasher.start(of: Array("\(number) ".utf8) + bytes, count: 2))
  }
}

/// Takes the lines of a paper key one after the other, and says of each whether it is the next one and rightly typed. Blanks,
/// and whether letters are large, do not matter; lines before the first one are passed over.
public struct PaperKeyReader {
  public private(set) var hasBegun = false
  /// When all lines are there.
  public private(set) var export: KeyExport?
  private var repository: String?
  private var key: String?
  private var record: [UInt8] = []
  private var count = 0

  /// - Parameter hasBegun: Whether the first of the lines is not to come.
  public init(hasBegun: Bool = false) {
    self.hasBegun = hasBegun
  }

  /// What the next line begins with.
  public var next: String {
    if !hasBegun { return KeyExport.paperMark }
    if repository == nil { return "repository:" }
    return key == nil ? "key:" : "\(count + 1):"
  }

  /// - Throws: `KeyExport.Unreadable` for a line that is not the next one; the same is expected again.
  public mutating func take(_ line: String) throws {
    let line = line.trimmed.asciiLowercased
    guard hasBegun else {
      let words = line.parts(by: " ", keepingEmpty: false).joined(separator: " ")
      hasBegun = words == KeyExport.paperMark.asciiLowercased
      return
    }
    guard !line.isEmpty, export == nil else { return }
    let parts = line.parts(by: ":", limit: 2)
    guard parts.count == 2 else { throw unreadable("'\(next)' was expected") }
    let rest = parts[1].parts(by: "-").map { $0.parts(by: " ", keepingEmpty: false).joined() }
    switch parts[0].trimmed {
    case "repository" where repository == nil: repository = try id(rest)
    case "key" where key == nil && repository != nil: key = try id(rest)
    case "\(count + 1)" where key != nil: try add(rest)
    case "end" where key != nil: try end(rest)
    default: throw unreadable("'\(next)' was expected")
    }
  }

  private func id(_ rest: [String]) throws -> String {
    guard rest.count == 1, KeyID(hex: rest[0]) != nil else { throw unreadable("These are not 32 digits from 0 to f") }
    return rest[0]
  }

  private mutating func add(_ rest: [String]) throws {
    guard rest.count == 2, let bytes = Hexadecimal.decode(rest[0]), (1...KeyExport.lineSize).contains(bytes.count),
      try KeyExport.lineChecksum(count + 1, bytes) == rest[1]
    else { throw unreadable("The four digits at its end do not fit what stands before them") }
    guard record.count + bytes.count <= ObjectLimit.key else { throw unreadable("There are too many lines") }
    record += bytes
    count += 1
  }

  private mutating func end(_ rest: [String]) throws {
    let whole = KeyExport(repository: repository ?? "", key: key ?? "", record: record)
    guard rest == [try whole.checksum] else {
      throw unreadable("The digits do not fit the lines before: one is missing")
    }
    export = whole
  }

  private func unreadable(_ problem: String) -> KeyExport.Unreadable {
    KeyExport.Unreadable(line: nil, problem: problem)
  }
}
