/// The reference page of all actions: what their help prints.
enum CommandReference {
  private static let width = 100

  static func markdown(actions: [ActionDeclaration]) -> String {
    let intro = "# Commands\n\nMade by `coffer config generate --command-reference`; do not edit. "
    let program = block(HelpText.program(actions: actions, width: width))
    let sections = actions.map { "## \($0.name)\n\n" + block(HelpText.action($0, width: width, withGlobals: false)) }
    return intro + "What `--json` prints is in [JSON output](json.md).\n\n"
      + ([program] + sections).joined(separator: "\n")
  }

  private static func block(_ text: String) -> String { "```\n\(text)```\n" }
}
