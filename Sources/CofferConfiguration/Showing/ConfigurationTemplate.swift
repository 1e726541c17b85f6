import CofferSystem
import Glibc

/// The text that `config generate` writes: every option with what it does, and with the value that an older file gives
/// it; all others but the needed ones are commented out.
public struct ConfigurationTemplate: Sendable {
  private static let needed: Set<String> = ["repositories", "path", "encryption_passcommand"]

  private let options: OptionCatalogue
  /// The older file, its constants and variables as they were written; nil to start from nothing.
  private let source: YAMLNode?

  /// A file to start from.
  public init(_ options: OptionCatalogue) {
    self.options = options
    source = nil
  }

  init(_ options: OptionCatalogue, source: YAMLNode) {
    self.options = options
    self.source = source
  }

  /// The older file's options that have no meaning here, and are left out.
  public var leftOut: [String] {
    (source?.entries ?? []).filter { !$0.value.isNull && options.top[$0.key]?.isKept != true }.map(\.key)
  }

  public var text: String {
    var lines = [
      "# Coffer's configuration. Options that begin with '#' are examples; take the '#' away to use one.",
      "# Check the file with: coffer config validate", "",
    ]
    for group in options.groups {
      let options = group.options.filter { $0.support.isOffered || (value(of: $0) != nil && $0.isKept) }
      guard !options.isEmpty else { continue }
      lines += ["# --- \(group.title) ---", ""]
      for option in options { writeTop(option, to: &lines) }
    }
    return lines.joined(separator: "\n")
  }

  private func value(of option: Option) -> YAMLNode? {
    source?[option.name].flatMap { $0.isNull ? nil : $0 }
  }

  private func writeTop(_ option: Option, to lines: inout [String]) {
    if let value = value(of: option) {
      writeHead(of: option, margin: "", to: &lines)
      lines += ConfigurationValue(value, of: option, in: options.top, hidesSecrets: false).lines(named: option.name)
    } else {
      write(option, indentation: 0, active: source == nil, to: &lines)
    }
    lines.append("")
  }

  private func writeHead(of option: Option, margin: String, to lines: inout [String]) {
    for line in option.documentation.wrapped(width: 96 - margin.count) { lines.append("\(margin)# \(line)") }
    if let standard = option.standard { lines.append("\(margin)# Default: \(standard)") }
    if !option.choices.isEmpty { lines.append("\(margin)# One of: \(option.choices.joined(separator: ", "))") }
  }

  private func write(_ option: Option, indentation: Int, active isBlockActive: Bool, to lines: inout [String]) {
    let margin = String(repeating: " ", count: indentation)
    writeHead(of: option, margin: margin, to: &lines)
    let isActive = isBlockActive && Self.needed.contains(option.name)
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
        guard isFirst, let position = lines[start...].lastIndex(where: { $0.holds("\(inner.name):") }) else {
          continue
        }
        lines[position] = lines[position].replacingFirst("    \(inner.name)", with: "  - \(inner.name)")
        isFirst = false
      }
    default:
      var value = option.example ?? option.standard ?? ""
      // An opening brace or bracket would begin something else.
      if case .text = option.kind, value.begins(with: "{") || value.begins(with: "[") { value = "\"\(value)\"" }
      lines.append("\(mark)\(option.name): \(value)")
    }
  }
}

extension Option {
  /// Whether a file that is written anew keeps the option if the older one had it.
  fileprivate var isKept: Bool { support.isOffered || support == .planned }
}

extension String {
  fileprivate func replacingFirst(_ part: String, with other: String) -> String {
    let parts = parts(by: part, limit: 2)
    return parts.joined(separator: other)
  }
}
