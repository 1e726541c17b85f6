/// Compares a document with what the options allow and gathers everything that is wrong.
struct Validator {
  private(set) var problems: [ConfigurationProblem] = []

  mutating func check(_ node: YAMLNode, against schema: OptionSchema) {
    guard case .mapping(let entries) = node.content else {
      report(node.mark, "Expected a section of options, found \(node.kindName)")
      return
    }
    for entry in entries {
      guard let option = schema[entry.key] else {
        let nearest = NearestName.of(entry.key, among: schema.options.map(\.name))
        report(
          entry.keyMark, "Unknown option '\(entry.key)'",
          nearest.map { "Did you mean '\($0)'?" }
            ?? "The options here are: \(schema.options.map(\.name).joined(separator: ", "))")
        continue
      }
      guard !entry.value.isNull else { continue }
      check(entry.value, is: option.kind, of: option)
    }
    let present = Set(entries.filter { !$0.value.isNull }.map(\.key))
    for option in schema.options where option.isRequired && !present.contains(option.name) {
      report(
        node.mark, "Required option '\(option.name)' is missing",
        option.example.map { "Add, for example, '\(option.name): \($0)'" })
    }
  }

  private mutating func check(_ node: YAMLNode, is kind: OptionKind, of option: Option) {
    switch kind {
    case .text:
      guard let text = node.text else { return mismatch(node, kind, option) }
      guard option.choices.isEmpty || option.choices.contains(text) else {
        let nearest = NearestName.of(text, among: option.choices)
        return report(
          node.mark, "Option '\(option.name)' cannot be '\(text)'",
          nearest.map { "Did you mean '\($0)'?" }
            ?? "It can be \(option.choices.joined(separator: ", "))")
      }
    case .integer: if node.integer == nil { mismatch(node, kind, option) }
    case .boolean: if node.boolean == nil { mismatch(node, kind, option) }
    case .list(let element):
      guard case .sequence(let elements) = node.content else { return mismatch(node, kind, option) }
      for part in elements { check(part, is: element, of: option) }
    case .section(let schema):
      guard case .mapping = node.content else { return mismatch(node, kind, option) }
      if let schema { check(node, against: schema) }
    }
  }

  private mutating func mismatch(_ node: YAMLNode, _ kind: OptionKind, _ option: Option) {
    var suggestion: String?
    if case .scalar(let text, isPlain: false) = node.content {
      if case .integer = kind, Int(text) != nil { suggestion = "Write it without quotes: \(text)" }
      if case .boolean = kind { suggestion = "Write it without quotes: \(text)" }
    } else if let example = option.example {
      suggestion = "Write it, for example, as '\(option.name): \(example)'"
    }
    report(node.mark, "Option '\(option.name)' must be \(kind.title), found \(node.kindName)", suggestion)
  }

  private mutating func report(_ mark: SourceMark, _ message: String, _ suggestion: String? = nil) {
    problems.append(ConfigurationProblem(mark: mark, message: message, suggestion: suggestion))
  }
}
