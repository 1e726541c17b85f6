import CofferSystem
import Foundation

/// The text that `config generate` writes: every option with what it does, all but the needed ones commented out.
public enum ConfigurationTemplate {
  private static let active: Set<String> = ["repositories", "path", "encryption_passcommand"]

  public static var text: String {
    var lines = [
      "# Coffer's configuration. Options that begin with '#' are examples; take the '#' away to use one.",
      "# Check the file with: coffer config validate", "",
    ]
    for option in GeneralOptions.schema.options where option.support.isOffered {
      write(option, indentation: 0, active: true, to: &lines)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func write(_ option: Option, indentation: Int, active isBlockActive: Bool, to lines: inout [String]) {
    let margin = String(repeating: " ", count: indentation)
    for line in option.documentation.wrapped(width: 96 - indentation) { lines.append("\(margin)# \(line)") }
    if let standard = option.standard { lines.append("\(margin)# Default: \(standard)") }
    if !option.choices.isEmpty { lines.append("\(margin)# One of: \(option.choices.joined(separator: ", "))") }
    let isActive = isBlockActive && active.contains(option.name)
    let mark = isActive ? margin : "#" + margin
    switch option.kind {
    case .section(let schema?):
      lines.append("\(mark)\(option.name):")
      for inner in schema.options where inner.support.isOffered {
        write(inner, indentation: indentation + 2, active: isActive, to: &lines)
      }
    case .list(.section(let schema?)):
      lines.append("\(mark)\(option.name):")
      var isFirst = true
      for inner in schema.options where inner.support.isOffered {
        let start = lines.count
        write(inner, indentation: indentation + 4, active: isActive, to: &lines)
        guard isFirst, let position = lines[start...].lastIndex(where: { $0.contains("\(inner.name):") }) else {
          continue
        }
        lines[position] = lines[position].replacingFirst("    \(inner.name)", with: "  - \(inner.name)")
        isFirst = false
      }
    default:
      var value = option.example ?? option.standard ?? ""
      // An opening brace would begin a mapping.
      if case .text = option.kind, value.hasPrefix("{") { value = "\"\(value)\"" }
      lines.append("\(mark)\(option.name): \(value)")
    }
    if indentation == 0 { lines.append("") }
  }
}

extension String {
  fileprivate func replacingFirst(_ part: String, with other: String) -> String {
    guard let range = range(of: part) else { return self }
    return replacingCharacters(in: range, with: other)
  }
}
