import CofferSystem

/// `completion`: what makes a shell complete Coffer's command lines.
enum CompletionAction {
  private static let shell = Flag<CompletionScript?>(
    "--shell", value: "SHELL", FlagParser("bash, zsh or fish") { CompletionScript(rawValue: $0) },
    help: "bash, zsh or fish. Default: the one that SHELL in the environment names.")

  /// No shell is named that can be helped.
  struct UnknownShell: DiagnosableError, Equatable {
    let named: String?

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: "SHELL", problem: named.map { "No completion is known for \($0)" } ?? "It names no shell",
        suggestion: "Write 'coffer completion' and one of \(CompletionScript.names)")
    }
  }

  static let declaration = ActionDeclaration(
    "completion", abstract: "Print what makes a shell complete Coffer's command lines.",
    discussion: """
      For bash, put it into /etc/bash_completion.d/coffer or source it; for zsh, into a file _coffer in a folder of \
      fpath; for fish, into ~/.config/fish/completions/coffer.fish. Actions, their flags and their options are offered as \
      the program itself knows them.
      """,
    operands: [shell],
    examples: ["source <(coffer completion bash)", "coffer completion fish > ~/.config/fish/completions/coffer.fish"],
    needsConfiguration: false, repositories: .none, run: run)

  private static func run(_ context: ActionContext) throws {
    let named = context.surroundings.environment["SHELL"]?.parts(by: "/").last
    guard let script = context.flags[shell] ?? named.flatMap({ CompletionScript(rawValue: $0) }) else {
      throw UnknownShell(named: named)
    }
    context.console.output(script.text)
  }
}
