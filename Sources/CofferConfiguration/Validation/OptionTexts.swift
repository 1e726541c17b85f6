import CofferSystem

extension YAMLNode {
  /// Goes through a document.
  ///
  /// - Parameters:
  ///   - top: The options that stand at its top.
  ///   - body: Given each scalar, its text and the option that it is a value of: nil where none is known.
  func forEachText(_ top: OptionSchema, _ body: (YAMLNode, String, Option?) -> Void) {
    forEachText(top, in: top, of: nil, body)
  }

  private func forEachText(
    _ top: OptionSchema, in schema: OptionSchema?, of option: Option?, _ body: (YAMLNode, String, Option?) -> Void
  ) {
    switch content {
    case .sequence(let elements): for element in elements { element.forEachText(top, in: schema, of: option, body) }
    case .mapping(let entries):
      for entry in entries {
        let inner = schema?[entry.key] ?? (schema?.takesTopOptions == true ? top[entry.key] : nil)
        entry.value.forEachText(top, in: inner?.sectionSchema, of: inner, body)
      }
    case .scalar:
      if let text { body(self, text, option) }
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
