import CofferSystem

/// A comment that some servers read and others pass over: `/*!80016 ... */` is for MySQL from 8.0.16 on, `/*M!100301 ... */`
/// for MariaDB from 10.3.1 on. What such a comment holds must not be what makes a statement harmless.
struct ConditionalComment: Equatable {
  let number: Int
  /// Where a server that passes over it takes it to end; nil where it would look for the end of another comment first.
  let end: Int?

  /// Every server that is in use reads what is for this version: MariaDB 5.5 and MySQL 5.5.3, and all that came later.
  private static let oldest = 50503

  /// - Parameter length: Of the mark that opens the comment.
  /// - Returns: nil for a comment that every server reads.
  init?(_ text: UnsafeRawBufferPointer, _ position: Int, _ length: Int, number: Int) {
    let mark = text[position..<(position + length)]
    let digits = String(decoding: mark.drop { !(0x30...0x39).contains($0) }, as: UTF8.self)
    let isOfMariaDB = mark[position + 2] == UInt8(ascii: "M")
    let isForAll = digits.isEmpty || (digits.utf8.count == 5 && Int(digits).map { $0 <= Self.oldest } == true)
    guard isOfMariaDB || !isForAll else { return nil }
    self.number = number
    var end: Int?
    var next = position + length
    while next + 1 < text.count {
      if text[next] == UInt8(ascii: "/"), text[next + 1] == UInt8(ascii: "*") { break }
      if text[next] == UInt8(ascii: "*"), text[next + 1] == UInt8(ascii: "/") {
        end = next
        break
      }
      next += 1
    }
    self.end = end
  }
}

extension SQLLexemes {
  /// What every server reads.
  var unconditional: [SQLLexeme] { all.filter { $0.condition == nil } }

  /// Whether the statement begins in the same way, and ends in the same place, for servers that read the comments for
  /// some and for servers that pass over them. Dump programs put whole statements into such comments, and options.
  var beginsTheSame: Bool {
    guard !isUneven else { return false }
    guard let first = all.first, all.contains(where: { $0.condition != nil }) else { return true }
    if first.condition != nil { return all.allSatisfy { $0.condition == first.condition } }
    // The head goes to what the statement is about; in it only a few words may be missing.
    let end = all.firstIndex { $0.condition == nil && $0.word == nil } ?? all.count
    let optional: Set<String> = ["IF", "NOT", "EXISTS", "OR", "REPLACE"]
    let isHeadSame = all[..<end].allSatisfy { $0.condition == nil || $0.word.map(optional.contains) == true }
    return isHeadSame && Set(all.compactMap(\.condition)).allSatisfy(isSelfContained)
  }

  private func isSelfContained(_ condition: Int) -> Bool {
    var depth = 0
    for lexeme in all where lexeme.condition == condition {
      if lexeme.isSign("(") { depth += 1 }
      if lexeme.isSign(")") { depth -= 1 }
      if depth < 0 || lexeme.isSign(";") || lexeme.isSign(".") { return false }
    }
    return depth == 0
  }
}
