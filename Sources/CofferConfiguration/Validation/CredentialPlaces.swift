import CofferSystem

extension Configuration {
  /// What is wrong with `{credential ...}` where secrets and users' names stand, as far as it can be told without asking for one.
  public var credentialProblems: [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    root.node.forEachText(known.top) { node, text, option in
      // A variable is not replaced where a file is only looked at.
      guard let option, option.isSecret || option.name.ends(with: "username"), !text.holds("${") else { return }
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
    return problems
  }
}
