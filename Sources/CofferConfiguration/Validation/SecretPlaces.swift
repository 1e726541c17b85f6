import CofferSystem

/// The files of a configuration that secrets are written into, as text rather than as what stands for them.
struct SecretPlaces {
  private let top: OptionSchema
  private(set) var files: Set<ExactName> = []

  private let constants: [YAMLNode.Entry]

  /// - Parameter document: As it is written, in old spellings or new ones, with included files put in.
  init(in document: YAMLNode, top: OptionSchema) {
    self.top = top
    constants = document[RunOptions.constants.name]?.entries ?? []
    var spellings = OldSpellings()
    look(at: spellings.apply(to: document), top, option: nil)
  }

  private mutating func look(at node: YAMLNode, _ schema: OptionSchema?, option: Option?) {
    switch node.content {
    case .sequence(let elements): for element in elements { look(at: element, schema, option: option) }
    case .mapping(let entries):
      for entry in entries {
        let inner = schema?[entry.key] ?? (schema?.takesTopOptions == true ? top[entry.key] : nil)
        look(at: entry.value, inner?.sectionSchema, option: inner)
      }
    case .scalar:
      guard let text = node.text, option?.isSecret == true, !text.isEmpty, !text.begins(with: "{credential "),
        !text.begins(with: "${")
      else { return }
      files.insert(ExactName(node.mark.file))
      for constant in constants where text.holds("{\(constant.key)}") {
        files.insert(ExactName(constant.value.mark.file))
      }
    }
  }
}

extension Option {
  /// The options below it, if it is a section or a list of them.
  public var sectionSchema: OptionSchema? {
    switch kind {
    case .section(let schema), .list(.section(let schema)): schema
    default: nil
    }
  }
}
