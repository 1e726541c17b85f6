import CofferSystem

/// Reads the lines of `patterns` and of pattern files.
///
/// `R PATH` names a folder to back up, `P STYLE` sets the style of the following patterns, and `+`, `-` and `!` stand
/// before patterns. Lines that are empty or begin with `#` say nothing.
struct PatternLines {
  private(set) var roots: [String] = []
  private(set) var patterns = PatternSet()

  /// Reads one list, or one file, of pattern lines; the style is `sh` until a line sets another.
  ///
  /// - Throws: `PatternError`.
  mutating func add(lines: [String]) throws(PatternError) {
    var style = PathPattern.Style.shell
    for line in Self.meaningful(lines) {
      guard let command = line.unicodeScalars.first, "RrPp+-!".unicodeScalars.contains(command) else {
        throw .unknownCommand(line: line)
      }
      let rest = String(line.unicodeScalars.dropFirst()).trimmed
      guard !rest.isEmpty else { throw .empty(line: line) }
      switch command {
      case "R", "r": roots.append(rest)
      case "P", "p":
        guard let named = PathPattern.Style(rawValue: rest) else {
          throw .unknownStyle(rest, line: line)
        }
        style = named
      case "+": patterns.add(try PathPattern(rest, style: style), .include)
      case "-": patterns.add(try PathPattern(rest, style: style), .exclude)
      default: patterns.add(try PathPattern(rest, style: style), .excludeAll)
      }
    }
  }

  /// Reads one list, or one file, of patterns for what is left out; the style is `fm` where a line names none.
  ///
  /// - Throws: `PatternError`.
  mutating func add(excludes lines: [String]) throws(PatternError) {
    for line in Self.meaningful(lines) { patterns.add(try PathPattern(line, style: .flat), .excludeAll) }
  }

  private static func meaningful(_ lines: [String]) -> [String] {
    lines.map(\.trimmed).filter { !$0.isEmpty && !$0.begins(with: "#") }
  }
}
