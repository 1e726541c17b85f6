import CofferSystem

/// The files of a configuration that secrets are written into, as text rather than as what stands for them.
struct SecretPlaces {
  private(set) var files: Set<ExactName> = []

  /// - Parameter document: As it is written, in old spellings or new ones, with included files put in.
  init(in document: YAMLNode, top: OptionSchema) {
    let constants = document[RunOptions.constants.name]?.entries ?? []
    var spellings = OldSpellings()
    spellings.apply(to: document).forEachText(top) { node, text, option in
      guard option?.isSecret == true, !text.isEmpty, !text.begins(with: "{credential "), !text.begins(with: "${")
      else { return }
      files.insert(ExactName(node.mark.file))
      for constant in constants where text.holds("{\(constant.key)}") {
        files.insert(ExactName(constant.value.mark.file))
      }
    }
  }
}
