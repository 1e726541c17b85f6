import CofferConfiguration
import CofferSystem
import Glibc

/// `config generate`: writes a configuration to start from.
enum ConfigGenerateAction {
  private static let destination = Flag<String>(
    "--destination", "-d", value: "FILE", default: "/etc/coffer/config.yaml", help: "Where to write it.")
  private static let source = Flag<String?>(
    "--source", "-s", value: "FILE", help: "Keep the options that this configuration sets, by today's spellings.")
  private static let overwrite = Flag<Bool>("--overwrite", help: "Replace a file that is there.")
  private static let reference = Flag<Bool>("--reference", help: "Print the reference page of all options instead.")
  private static let commandReference = Flag<Bool>(
    "--command-reference", help: "Print the reference page of all commands instead.")
  private static let borgmaticReference = Flag<Bool>(
    "--borgmatic-reference", help: "Print the page of what borgmatic's options do in Coffer instead.")
  private static let manPage = Flag<Bool>("--man-page", help: "Print the manual page coffer(1) instead.")

  private static let manPages = Flag<String?>(
    "--man-pages", value: "FOLDER",
    help: "Write the manual pages coffer(1) and coffer-ACTION(1) of all actions into a folder instead.")

  static let declaration = ActionDeclaration(
    "config generate", abstract: "Write a commented configuration file to start from.",
    flags: [source, destination, overwrite, reference, commandReference, borgmaticReference, manPage, manPages],
    examples: [
      "coffer config generate --destination config.yaml",
      "coffer config generate --source /etc/borgmatic/config.yaml --destination /etc/coffer/config.yaml",
    ],
    needsConfiguration: false, run: run)

  private static func template(_ context: ActionContext) throws -> ConfigurationTemplate {
    guard let source = context.flags[source] else { return ConfigurationTemplate(context.run.parsed.knownOptions) }
    return try context.run.loader.template(from: source)
  }

  private static func run(_ context: ActionContext) throws {
    let options = context.run.parsed.knownOptions
    if context.flags.contains(reference) { return context.console.output(OptionReference.markdown(options)) }
    if context.flags.contains(borgmaticReference) {
      return context.console.output(BorgmaticReference.markdown(options))
    }
    if context.flags.contains(manPage) {
      return context.console.output(
        ManPage(actions: context.run.parsed.knownActions, version: Program.version).text)
    }
    if let folder = context.flags[manPages] { return try writePages(into: folder, context) }
    if context.flags.contains(commandReference) {
      return context.console.output(CommandReference.markdown(actions: context.run.parsed.knownActions))
    }
    let path = context.flags[destination]
    let surroundings = context.surroundings
    let whole = UserPath.absolute(path, from: surroundings.currentFolder, home: surroundings.environment.home)
    try checkFree(whole, as: path, context)
    let template = try template(context)
    guard !context.isDryRun else { return context.console.answer("Would write \(path)") }
    let place = try FilePlace(whole, makingWith: 0o755)
    try place.folder.replace(place.name, with: Array(template.text.utf8))
    if !template.leftOut.isEmpty {
      context.console.answer("Left out, for they mean nothing to Coffer: \(template.leftOut.joined(separator: ", "))")
    }
    context.console.answer(
      "Wrote \(path); edit it, then check it with: coffer config validate --config \(Quoting.pastedWord(path))")
  }

  private static func writePages(into folder: String, _ context: ActionContext) throws {
    let files = ManPage(actions: context.run.parsed.knownActions, version: Program.version).files
    guard !context.isDryRun else { return context.console.answer("Would write \(files.count) pages into \(folder)") }
    for file in files {
      let place = try FilePlace(context.absolutePath("\(folder)/\(file.name)"), makingWith: 0o755)
      try place.folder.replace(place.name, with: Array(file.text.utf8))
    }
    context.console.answer("Wrote \(files.count) pages into \(folder)")
  }

  /// - Throws: `UsageError` where something is that is not to be replaced.
  private static func checkFree(_ path: String, as shown: String, _ context: ActionContext) throws {
    var facts = stat()
    guard lstat(path, &facts) == 0 else { return }
    guard facts.st_mode & S_IFMT == S_IFREG else {
      throw UsageError(
        argument: shown, problem: "There is something that is no plain file", suggestion: "Choose another --destination"
      )
    }
    guard context.flags.contains(overwrite) else {
      throw UsageError(
        argument: shown, problem: "The file exists", suggestion: "Choose another --destination, or add --overwrite")
    }
  }
}
