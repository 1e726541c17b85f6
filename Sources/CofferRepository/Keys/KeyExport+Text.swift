import CofferSystem
import FoundationEssentials

/// An exported key as text: to be kept in a file, or scanned.
extension KeyExport {
  private static let mark = "COFFER_KEY"
  private static let lineLength = 64
  /// More than any export has.
  static let textLimit = 1 << 20

  /// A line with the ids and a checksum, then the record in lines of Base64.
  public var text: String {
    get throws {
      let encoded = Array(Data(record).base64EncodedString().utf8)
      let lines = stride(from: 0, to: encoded.count, by: Self.lineLength).map {
        String(decoding: encoded[$0..<min($0 + Self.lineLength, encoded.count)], as: UTF8.self)
      }
      return (["\(Self.mark) 1 \(repository ?? "") \(key) \(try checksum)"] + lines).joined(separator: "\n") + "\n"
    }
  }

  /// Reads what `text` or `paper` has made, wherever it stands in a longer text, or a key file.
  ///
  /// - Throws: `Unreadable`.
  public init(reading bytes: [UInt8]) throws {
    guard bytes.count <= Self.textLimit else { throw Unreadable(line: nil, problem: "It is far too long") }
    if let record = try? KeyRecord(decoding: bytes, object: "", location: "") {
      self.init(repository: nil, key: record.clear.id, record: bytes)
      return
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let lines = text.lines(keepingEmpty: true).map(\.trimmed)
    if let start = lines.firstIndex(where: { $0.begins(with: Self.mark + " ") }) {
      self = try Self.decode(lines[start].parts(by: " ", keepingEmpty: false), lines[(start + 1)...])
      return
    }
    var reader = PaperKeyReader()
    for (number, line) in lines.enumerated() {
      do {
        try reader.take(line)
      } catch let error as Unreadable {
        throw Unreadable(line: number + 1, problem: error.problem)
      }
      if let export = reader.export {
        self = export
        return
      }
    }
    throw Unreadable(line: nil, problem: reader.hasBegun ? "Its end is missing" : "There is no key in it")
  }

  private static func decode(_ head: [String], _ rest: ArraySlice<String>) throws -> KeyExport {
    guard head.count == 5, head[1] == "1" else { throw Unreadable(line: nil, problem: "Its first line is not whole") }
    let body = rest.prefix { !$0.isEmpty && !$0.begins(with: "<") }.joined()
    guard let record = Data(base64Encoded: body), record.count <= ObjectLimit.key else {
      throw Unreadable(line: nil, problem: "Its lines are no Base64")
    }
    let export = KeyExport(repository: head[2], key: head[3], record: Array(record))
    guard try export.checksum == head[4] else { throw Unreadable(line: nil, problem: "The checksum does not fit") }
    return export
  }

  /// A text that holds no exported key, or not a whole one.
  public struct Unreadable: DiagnosableError, Equatable {
    /// From 1; nil when it is no one line.
    let line: Int?
    let problem: String

    public var diagnosis: Diagnosis {
      Diagnosis(
        subject: line.map { "exported key, line \($0)" } ?? "exported key", problem: problem,
        suggestion: "Give the text that 'coffer key export' has written, or all lines of its page")
    }
  }
}
