import CofferSystem

/// What pg_restore has said, told to be verbose, of a dump that it read to its end, going on behind errors.
struct RestoreReport {
  /// One for each entry that failed, in the archive's order, with its first error.
  private(set) var entries: [LostEntry] = []
  /// Whether it has read the dump to its end, and every error that it counts is of an entry that is known.
  private(set) var isWhole = false

  private static let headingMark = "from TOC entry "
  private static let errorMark = "error: "
  private static let countMark = "errors ignored on restore: "
  private static let stages = ["INITIALIZING", "PROCESSING TOC", "FINALIZING"]
  /// How `--verbose` announces what comes next.
  private static let announcements = ["processing data for table ", "creating ", "executing "]

  init(lines: [String]) {
    var heading: (number: Int, title: String)?
    var announced: String?
    var errors = 0
    var last: Int?
    var (isTold, isMixed) = (true, false)
    for line in lines {
      if let found = Self.heading(line) {
        // Of two jobs at once, or a name that looks like a heading: whose the next error is cannot be told.
        if !isTold { isMixed = true }
        (heading, isTold) = (found, false)
      } else if Self.stages.contains(where: { line.begins(with: "pg_restore: while \($0)") }) {
        heading = nil
      } else if let count = Self.text(after: Self.countMark, in: line) {
        isWhole = Int(count) == errors && errors > 0 && !isMixed
      } else if let error = Self.text(after: Self.errorMark, in: line), line.begins(with: "pg_restore: ") {
        guard let heading else { continue }
        isTold = true
        errors += 1
        guard heading.number != last else { continue }
        last = heading.number
        let title = announced.flatMap { Self.title($0, heading.title) } ?? heading.title
        entries.append(
          LostEntry(
            number: heading.number, title: title, error: Self.serverError(error), kind: Self.kind(heading.title)))
      } else if let text = Self.announcements.lazy.compactMap({ line.after(beginning: "pg_restore: \($0)") }).first {
        announced = text
      }
    }
  }

  /// `pg_restore: from TOC entry 3345; 0 16402 MATERIALIZED VIEW DATA stat postgres`
  private static func heading(_ line: String) -> (number: Int, title: String)? {
    guard let text = text(after: headingMark, in: line) else { return nil }
    let parts = text.parts(by: " ", limit: 4)
    guard parts.count == 4, let number = Int(parts[0].dropLast()) else { return nil }
    return (number, String(parts[3]))
  }

  /// A heading begins with the sort of its entry, and names no schema that could look like more of it.
  private static func kind(_ heading: String) -> LostEntry.Kind {
    if heading.begins(with: "COMMENT EXTENSION ") { return .extensionComment }
    let data = ["TABLE DATA ", "BLOBS ", "BLOB "]
    return data.contains { heading.begins(with: $0) } ? .rows : .other
  }

  /// What is announced has its schema; a heading has not.
  private static func title(_ announced: String, _ heading: String) -> String? {
    if announced.begins(with: "\"") {
      return heading.begins(with: "TABLE DATA ") ? "rows of table \(announced)" : nil
    }
    let kind = announced.parts(by: " \"", limit: 2)[0]
    return heading.begins(with: kind + " ") ? announced : nil
  }

  private static func serverError(_ text: String) -> String {
    Self.text(after: "ERROR:", in: text).map { "ERROR:\($0)" } ?? text
  }

  private static func text(after mark: String, in line: String) -> String? {
    let parts = line.parts(by: mark, limit: 2)
    return parts.count == 2 ? String(parts[1]) : nil
  }

  /// Whether anything of it might come back when all else is there.
  var isWorthAnotherTry: Bool {
    !isAccidental && entries.contains(where: \.isWorthAnotherTry)
  }

  var isAccidental: Bool { LostEntry.isAccidental(entries.map(\.error)) }
}
