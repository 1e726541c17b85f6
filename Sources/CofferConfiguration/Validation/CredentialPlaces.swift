import CofferSystem

extension Configuration {
  /// What is wrong with `{credential ...}` where secrets and users' names stand, as far as it can be told without asking for one.
  public var credentialProblems: [ConfigurationProblem] {
    var places = CredentialPlaces(top: known.top)
    places.look(at: root.node, known.top, option: nil)
    return places.problems
  }
}

/// Goes through a document and reads what stands for secrets in it.
private struct CredentialPlaces {
  let top: OptionSchema
  var problems: [ConfigurationProblem] = []

  init(top: OptionSchema) {
    self.top = top
  }

  mutating func look(at node: YAMLNode, _ schema: OptionSchema?, option: Option?) {
    switch node.content {
    case .sequence(let elements): for element in elements { look(at: element, schema, option: option) }
    case .mapping(let entries):
      for entry in entries {
        let inner = schema?[entry.key] ?? (schema?.takesTopOptions == true ? top[entry.key] : nil)
        look(at: entry.value, inner?.sectionSchema, option: inner)
      }
    case .scalar:
      // A variable is not replaced where a file is only looked at.
      guard let option, let text = node.text, option.isSecret || option.name.ends(with: "username"), !text.holds("${")
      else { return }
      do throws(CredentialError) {
        _ = try CredentialReference(text)
      } catch {
        let diagnosis = error.diagnosis
        problems.append(
          ConfigurationProblem(
            mark: node.mark, message: "Option '\(option.name)': \(diagnosis.subject): \(diagnosis.problem)",
            suggestion: diagnosis.suggestion))
      }
    }
  }
}
