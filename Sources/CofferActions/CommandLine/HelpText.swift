import CofferConfiguration
import CofferSystem

/// What `--help` prints, made from the declarations.
enum HelpText {
  static func program(actions: [ActionDeclaration], width: Int) -> String {
    var lines = [
      "Coffer backs databases up and puts them back.", "",
      "usage: coffer [global flags] [action [flags]] ...", "",
      "A first backup:", "",
      "  coffer config generate --destination config.yaml   # then edit it",
      "  coffer repo-create --config config.yaml --encryption repokey",
      "  coffer create --config config.yaml",
      "  coffer list --config config.yaml --archive latest",
      "  coffer restore --config config.yaml --archive latest --database NAME", "",
      "Without an action: \(CommandTable.standard.joined(separator: ", then ")).", "",
    ]
    lines += list(actions, width: width)
    lines += ["", "global flags:"] + table(GlobalFlags.all.map(row), width: width)
    lines += [""] + options.wrapped(width: width)
    lines += [
      "", more,
      "Exit codes: 0 success, 1 any error, 130 on SIGINT, 143 on SIGTERM; more with --exit-codes classes.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// Actions whose names begin with the same word.
  static func group(_ actions: [ActionDeclaration], width: Int) -> String {
    (list(actions, width: width) + ["", more]).joined(separator: "\n") + "\n"
  }

  private static func list(_ actions: [ActionDeclaration], width: Int) -> [String] {
    ["actions:"] + table(actions.map { ($0.names.joined(separator: ", "), $0.abstract) }, width: width)
  }

  private static let more = "See 'coffer ACTION --help' for an action's flags."

  private static let options = """
    Every option of the configuration file is a flag, too, and then counts in place of what the file says: \
    --keep-daily 7, --repositories[0].path /mnt/backup, --bootstrap.store-config-files or --no-bootstrap for truth \
    values and sections, YAML for lists: --source-directories '[/etc, /home]'. They are listed in \
    Documentation/reference/options.md.
    """

  static func action(_ action: ActionDeclaration, width: Int, withGlobals: Bool = true) -> String {
    var lines = [action.abstract, "", "usage: coffer \(usage(of: action)) [flags]"]
    if action.names.count > 1 { lines.append("also: \(action.names.dropFirst().joined(separator: ", "))") }
    if !action.discussion.isEmpty { lines += [""] + action.discussion.wrapped(width: width) }
    if !action.flags.isEmpty { lines += ["", "flags:"] + table(action.flags.map(row), width: width) }
    let schemas = action.options + action.partlyReadOptions
    for schema in schemas {
      lines +=
        ["", "options of the configuration, \(schema.title):"] + table(schema.options.compactMap(row), width: width)
    }
    for group in InnerOptions.groups(of: schemas) {
      lines += [""] + "options in \(group.sections.joined(separator: ", ")):".wrapped(width: width)
      lines += table(group.options.compactMap(row), width: width)
    }
    if action.needsConfiguration {
      let shared = InnerOptions.flattened(ActionDeclaration.sharedOptions)
      let names = shared.map { $0.name + ($0.option.standard.map { " (\($0))" } ?? "") }.joined(separator: ", ")
      lines += [""] + "options that every action reads, with their defaults: \(names).".wrapped(width: width)
    }
    if withGlobals { lines += ["", "global flags:"] + table(GlobalFlags.all.map(row), width: width) }
    if !action.examples.isEmpty { lines += ["", "examples:"] + action.examples.map { "  \($0)" } }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func usage(of action: ActionDeclaration) -> String {
    ([action.name] + action.operands.compactMap(\.operandName)).joined(separator: " ")
  }

  /// - Returns: nil for options without an effect here.
  private static func row(_ option: Option) -> (String, String)? { option.summary.map { (option.name, $0) } }

  private static func row(_ flag: FlagDeclaration) -> (String, String) {
    let names = flag.names.joined(separator: ", ") + (flag.valueName.map { " \($0)" } ?? "")
    return (names, flag.help + (flag.standard.map { " Default: \($0)." } ?? "") + (flag.isRequired ? " Required." : ""))
  }

  private static func table(_ rows: [(String, String)], width: Int) -> [String] {
    let column = min(rows.map { $0.0.count }.max() ?? 0, 30) + 4
    return rows.flatMap { name, text in
      let lines = text.wrapped(width: max(width - column, 30))
      let head = "  " + name
      let margin = String(repeating: " ", count: column)
      let first =
        head.count < column
        ? [head + String(repeating: " ", count: column - head.count) + lines[0]] : [head, margin + lines[0]]
      return first + lines.dropFirst().map { margin + $0 }
    }
  }
}
