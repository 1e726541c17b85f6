import CofferSystem

/// Compares a document with what the options allow and gathers everything that is wrong or worth saying.
struct Validator {
  private let top: OptionSchema
  private let wantsRequired: Bool
  private let variables: ConfigurationReading.Variables
  private(set) var problems: [ConfigurationProblem] = []
  private(set) var notices = ConfigurationNotices()

  /// - Parameters:
  ///   - top: The options of a file's top.
  ///   - wantsRequired: Whether those that a file must have must be there.
  ///   - variables: What became of variables in it.
  init(
    top: OptionSchema, wantsRequired: Bool = true, variables: ConfigurationReading.Variables = .replaced
  ) {
    self.top = top
    self.wantsRequired = wantsRequired
    self.variables = variables
  }

  mutating func check(_ document: YAMLNode) {
    check(document, against: top, below: "")
  }

  private mutating func check(_ node: YAMLNode, against schema: OptionSchema, below place: String) {
    guard case .mapping(let entries) = node.content else {
      return report(node.mark, "Expected a section of options, found \(node.kindName)")
    }
    for entry in entries {
      guard let option = schema[entry.key] ?? topOption(entry.key, in: schema) else {
        reportUnknown(entry, schema)
        continue
      }
      let name = place + entry.key
      if case .refused(let instead) = option.support {
        // Without a value, too: an empty section is enough to ask for snapshots.
        report(entry.keyMark, "Option '\(name)' is not supported", instead)
      }
      guard !entry.value.isNull else { continue }
      switch option.support {
      case .refused: break
      case .ignored(let instead):
        notices.ignored.append(.init(mark: entry.keyMark, name: name, text: instead))
        checkKind(entry.value, option)
      case .planned:
        notices.planned.append(.init(mark: entry.keyMark, name: name, text: ""))
        check(entry.value, is: option.kind, of: option, at: name)
      case .works, .differently, .own: check(entry.value, is: option.kind, of: option, at: name)
      }
    }
    for option in schema.options where wantsRequired && option.isRequired { checkPresence(of: option, in: node) }
  }

  private mutating func checkPresence(of option: Option, in node: YAMLNode) {
    let value = node[option.name]
    if value.map(\.isNull) ?? true {
      report(
        node.mark, "Required option '\(option.name)' is missing",
        option.example.map { "Add, for example, '\(option.name): \($0)'" })
    } else if let value, case .sequence(let elements) = value.content, elements.isEmpty {
      report(value.mark, "Required option '\(option.name)' is empty")
    }
  }

  /// What may stand in a repository's section because it may stand at the top.
  private func topOption(_ name: String, in schema: OptionSchema) -> Option? {
    guard schema.takesTopOptions, ![GeneralOptions.repositories.name, RunOptions.constants.name].contains(name) else {
      return nil
    }
    return top[name]
  }

  private mutating func reportUnknown(_ entry: YAMLNode.Entry, _ schema: OptionSchema) {
    let names = schema.options.map(\.name)
    let nearest = NearestName.of(entry.key, among: names + (schema.takesTopOptions ? top.options.map(\.name) : []))
    let all = names.count > 20 ? "See 'coffer config generate' for the options" : nil
    report(
      entry.keyMark, "Unknown option '\(entry.key)'",
      nearest.map { "Did you mean '\($0)'?" } ?? all
        ?? "The options here are: \(names.joined(separator: ", "))")
  }

  /// Compares the outermost kind only.
  private mutating func checkKind(_ node: YAMLNode, _ option: Option) {
    switch option.kind {
    case .section: check(node, is: .section(nil), of: option, at: option.name)
    case .list: if case .sequence = node.content {} else { mismatch(node, option.kind, option) }
    default: check(node, is: option.kind, of: option, at: option.name)
    }
  }

  private mutating func check(_ node: YAMLNode, is kind: OptionKind, of option: Option, at place: String) {
    // What it will be is known when its variable is set.
    guard node.fault == nil else { return }
    switch kind {
    case .text:
      guard let text = node.text else { return mismatch(node, kind, option) }
      // A variable whose value is not at hand may become any of them.
      guard variables != .replacedIfSet || !text.holds("${") else { return }
      checkChoice(text, of: option, at: node.mark)
      checkFormat(text, of: option, at: node.mark)
    case .integer:
      guard let number = node.integer else { return mismatch(node, kind, option) }
      checkChoice(String(number), of: option, at: node.mark)
      checkFormat(String(number), of: option, at: node.mark)
    case .number:
      guard node.number != nil, let text = node.text else { return mismatch(node, kind, option) }
      checkFormat(text, of: option, at: node.mark)
    case .boolean: if node.boolean == nil { mismatch(node, kind, option) }
    case .list(let element):
      guard case .sequence(let elements) = node.content else { return mismatch(node, kind, option) }
      for (index, part) in elements.enumerated() { check(part, is: element, of: option, at: "\(place)[\(index)]") }
    case .section(let schema):
      guard case .mapping = node.content else { return mismatch(node, kind, option) }
      if let schema { check(node, against: schema, below: place + ".") }
    }
  }

  private mutating func checkChoice(_ text: String, of option: Option, at mark: SourceMark) {
    guard !option.choices.isEmpty, !option.choices.contains(text) else { return }
    let nearest = Int(text) == nil ? NearestName.of(text, among: option.choices) : nil
    report(
      mark, "Option '\(option.name)' cannot be '\(text)'",
      nearest.map { "Did you mean '\($0)'?" } ?? "It can be \(option.choices.joined(separator: ", "))")
  }

  private mutating func checkFormat(_ text: String, of option: Option, at mark: SourceMark) {
    guard let format = option.format, !format.accepts(text) else { return }
    let found = option.isSecret ? "" : ", found '\(text)'"
    report(
      mark, "Option '\(option.name)' must be \(format.title)\(found)",
      format.nearest(text).map { "Did you mean '\($0)'?" } ?? format.suggestion)
  }

  /// Words that older YAML took for truth values.
  private static let otherTruths = ["yes": "true", "on": "true", "no": "false", "off": "false"]

  private mutating func mismatch(_ node: YAMLNode, _ kind: OptionKind, _ option: Option) {
    var suggestion: String?
    if case .scalar(let text, isPlain: false) = node.content {
      if case .integer = kind, Int(text) != nil { suggestion = "Write it without quotes: \(text)" }
      if case .number = kind, Double(text) != nil { suggestion = "Write it without quotes: \(text)" }
      if case .boolean = kind { suggestion = "Write it without quotes: \(text)" }
    } else if case .boolean = kind, let text = node.text?.lowercased(), Self.otherTruths[text] != nil {
      suggestion = "Write '\(Self.otherTruths[text] ?? "")'"
    } else if let example = option.example {
      suggestion = "Write it, for example, as '\(option.name): \(example)'"
    }
    report(node.mark, "Option '\(option.name)' must be \(kind.title), found \(node.kindName)", suggestion)
  }

  private mutating func report(_ mark: SourceMark, _ message: String, _ suggestion: String? = nil) {
    problems.append(ConfigurationProblem(mark: mark, message: message, suggestion: suggestion))
  }
}
