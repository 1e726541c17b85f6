import CofferSystem

/// The reference page of all options, made from their declarations.
public enum OptionReference {
  public static func markdown(_ options: OptionCatalogue) -> String {
    var lines = ["# Options of the configuration file", ""]
    lines.append("Made by `coffer config generate --reference`; do not edit.")
    for group in options.groups { section(group, level: 2, to: &lines) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func section(_ schema: OptionSchema, level: Int, to lines: inout [String]) {
    let options = schema.options.filter(\.hasMeaning)
    guard !options.isEmpty else { return }
    lines += ["", String(repeating: "#", count: level) + " " + schema.title, ""]
    lines += ["| option | type | default | what it does |", "|---|---|---|---|"]
    for option in options {
      let choices = option.choices.isEmpty ? "" : " One of \(option.choices.map { "`\($0)`" }.joined(separator: ", "))."
      let standard = option.standard.map { "`\($0)`" } ?? (option.isRequired ? "required" : "")
      let note = option.support == .planned ? " Accepted; without effect so far." : ""
      lines.append(
        "| `\(option.name)` | \(option.kind.title) | \(standard) | \(option.documentation)\(choices)\(note) |")
    }
    for option in options {
      switch option.kind {
      case .section(let inner?), .list(.section(let inner?)): section(inner, level: level + 1, to: &lines)
      default: break
      }
    }
  }
}

extension Option {
  /// Whether it does something here, or will.
  fileprivate var hasMeaning: Bool { support.isOffered || support == .planned }

  /// What it does, what it can be, and its default, in full sentences; nil for an option without a meaning here.
  public var summary: String? {
    guard hasMeaning else { return nil }
    var text = documentation
    if !choices.isEmpty { text += " One of \(choices.joined(separator: ", "))." }
    if let standard { text += " Default: \(standard)." }
    if support == .planned { text += " Accepted; without effect so far." }
    return text
  }
}
