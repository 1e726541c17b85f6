import CofferConfiguration
import CofferSystem

/// The manual pages coffer(1) and one for each action, made from the declarations, in the macros of man(7).
struct ManPage {
  private let actions: [ActionDeclaration]
  private let version: String

  init(actions: [ActionDeclaration], version: String) {
    self.actions = actions
    self.version = version
  }

  var text: String {
    var lines = [
      ".TH COFFER 1 \"\" \"Coffer \(Self.plain(version))\" \"Coffer\"", ".SH NAME",
      "coffer \\- back databases up, and put them back", ".SH SYNOPSIS",
      ".B coffer", "[global flags] [", ".I action", "[flags]] ...", ".SH DESCRIPTION",
    ]
    lines += [
      Self.plain("Coffer backs databases up into encrypted repositories, and puts them back."),
      "It is configured by",
      ".IR /etc/coffer/config.yaml ,", "or by the files that", ".B \\-\\-config", "names.",
      "Without an action it runs " + Self.plain(CommandTable.standard.joined(separator: ", then ")) + ".",
      Self.plain("Every option of the configuration file is a flag, too: --keep-daily 7."),
    ]
    lines += [".SH GLOBAL FLAGS"] + GlobalFlags.all.flatMap(Self.entry)
    lines += [".SH ACTIONS"] + actions.flatMap(Self.section)
    lines += [
      ".SH EXIT STATUS", ".TP", ".B 0", "Success.", ".TP", ".B 1", "Any error; what was not affected was done.", ".TP",
      ".B 2 to 8",
      "Kinds of errors, where " + Self.plain("exit_codes: classes")
        + " asks for them: 2 command line or configuration,",
      "3 warnings, 4 a partial archive, 5 busy, 6 passphrase or key, 7 no repository, 8 damage.", ".TP",
      ".BR 130 \", \" 143", "Stopped by SIGINT or SIGTERM.", ".SH FILES", ".TP", ".I /etc/coffer/config.yaml",
      "The configuration; also those in", ".IR /etc/coffer.d .", ".SH ENVIRONMENT", ".TP", ".B COFFER_PASSPHRASE",
      "The repositories' passphrase, where the configuration names none.", ".TP", ".B NO_COLOR",
      "Print no colours.", ".SH SEE ALSO", ".BR pg_dump (1),", ".BR mariadb\\-dump (1),", ".BR sqlite3 (1)",
    ]
    lines += [".PP", "Each action has a page of its own:"]
    lines += actions.enumerated().map { number, action in
      ".BR \(Self.plain(Self.title(of: action))) (1)\(number + 1 < actions.count ? "," : "")"
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The names of the pages' files, and what is in them.
  var files: [(name: String, text: String)] {
    [("coffer.1", text)] + actions.map { ("\(Self.title(of: $0)).1", page(of: $0)) }
  }

  /// Man finds it as `man coffer create` and as `man coffer-create`.
  private static func title(of action: ActionDeclaration) -> String {
    "coffer-" + action.name.swapping(" ", for: "-")
  }

  private func page(of action: ActionDeclaration) -> String {
    let title = Self.title(of: action)
    let operands = action.operands.compactMap(\.operandName).map { " \\fI\(Self.plain($0))\\fR" }.joined()
    var lines = [
      ".TH \(Self.plain(title.uppercased())) 1 \"\" \"Coffer \(Self.plain(version))\" \"Coffer\"", ".SH NAME",
      "\(Self.plain(title)) \\- \(Self.plain(action.abstract.before(end: ".") ?? action.abstract))", ".SH SYNOPSIS",
      ".B coffer", "[global flags]", "\\fB\(Self.plain(action.name))\\fR\(operands) [flags]", ".SH DESCRIPTION",
      Self.plain(action.discussion.isEmpty ? action.abstract : action.discussion),
    ]
    if action.names.count > 1 {
      lines += [".PP", "Also called " + Self.plain(action.names.dropFirst().joined(separator: ", ")) + "."]
    }
    if !action.flags.isEmpty { lines += [".SH FLAGS"] + action.flags.flatMap(Self.entry) }
    let options = action.options.flatMap(\.options).compactMap { option in option.summary.map { (option.name, $0) } }
    if !options.isEmpty {
      lines += [".SH OPTIONS OF THE CONFIGURATION", "Each is a flag, too."]
      lines += options.flatMap { [".TP", ".B " + Self.plain($0), Self.plain($1)] }
    }
    if !action.examples.isEmpty {
      lines += [".SH EXAMPLES", ".nf"] + action.examples.map(Self.plain) + [".fi"]
    }
    return (lines + [".SH SEE ALSO", ".BR coffer (1)"]).joined(separator: "\n") + "\n"
  }

  private static func section(_ action: ActionDeclaration) -> [String] {
    let operands = action.operands.compactMap(\.operandName).map { " " + $0 }.joined()
    var lines = [".SS \"coffer \(plain(action.name + operands))\"", plain(action.abstract)]
    if action.names.count > 1 {
      lines += [".br", "Also called " + plain(action.names.dropFirst().joined(separator: ", ")) + "."]
    }
    if !action.discussion.isEmpty { lines += [".PP", plain(action.discussion)] }
    lines += action.flags.flatMap(entry)
    let options = action.options.flatMap(\.options).filter { $0.summary != nil }.map(\.name)
    if !options.isEmpty {
      lines += [
        ".PP", "Options of the configuration that count for it: " + plain(options.joined(separator: ", ")) + ".",
      ]
    }
    guard !action.examples.isEmpty else { return lines }
    return lines + [".PP", "Examples:", ".PP", ".nf", ".RS 4"] + action.examples.map(plain) + [".RE", ".fi"]
  }

  private static func entry(_ flag: FlagDeclaration) -> [String] {
    let names = flag.names.map { "\\fB\(plain($0))\\fR" }.joined(separator: ", ")
    let value = flag.valueName.map { " \\fI\(plain($0))\\fR" } ?? ""
    let more = (flag.standard.map { " Default: \($0)." } ?? "") + (flag.isRequired ? " Required." : "")
    return [".TP", names + value, plain(flag.help + more)]
  }

  /// A text in which nothing is a request of roff's: a dash is one that can be copied.
  private static func plain(_ text: String) -> String {
    let whole = text.swapping("\\", for: "\\e").swapping("-", for: "\\-").swapping("\n", for: " ")
    return whole.begins(with: ".") || whole.begins(with: "'") ? "\\&" + whole : whole
  }
}
