import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation

/// `config generate`: writes a configuration to start from.
enum ConfigGenerateAction {
  private static let destination = Flag(
    "--destination", "-d", value: "FILE", help: "Where to write it. Default: /etc/coffer/config.yaml.")
  private static let source = Flag(
    "--source", "-s", value: "FILE", help: "Keep the options that this configuration sets, by today's spellings.")
  private static let overwrite = Flag("--overwrite", help: "Replace a file that is there.")
  private static let reference = Flag("--reference", help: "Print the reference page of all options instead.")
  private static let commandReference = Flag(
    "--command-reference", help: "Print the reference page of all commands instead.")
  private static let borgmaticReference = Flag(
    "--borgmatic-reference", help: "Print the page of what borgmatic's options do in Coffer instead.")

  static let declaration = ActionDeclaration(
    "config generate", abstract: "Write a commented configuration file to start from.",
    flags: [source, destination, overwrite, reference, commandReference, borgmaticReference],
    examples: [
      "coffer config generate --destination config.yaml",
      "coffer config generate --source /etc/borgmatic/config.yaml --destination /etc/coffer/config.yaml",
    ],
    needsConfiguration: false, run: run)

  private static func template(_ context: ActionContext) throws -> ConfigurationTemplate {
    guard let source = context.flags[source] else { return ConfigurationTemplate() }
    let surroundings = context.surroundings
    return try ConfigurationLoader(
      environment: surroundings.environment, currentFolder: surroundings.currentFolder
    ).template(from: source)
  }

  private static func run(_ context: ActionContext) throws {
    if context.flags.contains(reference) { return context.console.output(OptionReference.markdown) }
    if context.flags.contains(borgmaticReference) { return context.console.output(BorgmaticReference.markdown) }
    if context.flags.contains(commandReference) {
      return context.console.output(CommandReference.markdown(actions: CommandTable.actions))
    }
    let path = context.flags[destination] ?? "/etc/coffer/config.yaml"
    guard access(path, F_OK) != 0 || context.flags.contains(overwrite) else {
      throw UsageError(
        argument: path, problem: "The file exists", suggestion: "Choose another --destination, or add --overwrite")
    }
    let template = try template(context)
    guard !context.isDryRun else { return context.console.answer("Would write \(path)") }
    let surroundings = context.surroundings
    let place = try FilePlace(
      UserPath.absolute(path, from: surroundings.currentFolder, home: surroundings.environment["HOME"]),
      makingWith: 0o755)
    try place.folder.replace(place.name, with: Array(template.text.utf8))
    if !template.leftOut.isEmpty {
      context.console.answer("Left out, for they mean nothing to Coffer: \(template.leftOut.joined(separator: ", "))")
    }
    context.console.answer("Wrote \(path); edit it, then check it with: coffer config validate --config \(path)")
  }
}

/// `config bootstrap`: brings configuration files back with nothing but a repository and its passphrase.
enum ConfigBootstrapAction {
  private static let repository = Flag(
    "--repository", value: "PATH", required: true, help: "The repository to take the configuration from.")
  private static let archive = Flag("--archive", value: "NAME", help: "The archive. Default: latest.")
  private static let destination = Flag(
    "--destination", value: "FOLDER", help: "Write the files below this folder. Default: /, where they were.")
  private static let strip = Flag(
    "--strip-components", value: "N", help: "Leave out the first N parts of each path.")

  static let declaration = ActionDeclaration(
    "config bootstrap", abstract: "Bring the configuration files back out of an archive.",
    discussion: """
      Needs no configuration: only the repository and the passphrase, from COFFER_PASSPHRASE or the terminal. Files \
      that are there already are replaced.
      """,
    flags: [repository, archive, destination, strip],
    examples: ["coffer config bootstrap --repository /mnt/backup/databases --destination /tmp/restored"],
    needsConfiguration: false, run: run)

  private static func run(_ context: ActionContext) throws {
    let access = try context.open(RepositoryLocation(path: context.flags[repository] ?? ""))
    let archive = try access.archive(context.flags[archive] ?? "latest", .all)
    let reader = try access.repository.reader()
    let items = try reader.items(of: archive, cancellation: context.cancellation)
    guard let item = items.first(where: { $0.path.text == BootstrapManifest.path }),
      case .file(let stream) = item.content
    else {
      throw UsageError(
        argument: archive.name, problem: "The archive holds no configuration files",
        suggestion: "Choose another with --archive; see them with 'coffer repo-list'")
    }
    let sink = MemorySink()
    try reader.read(stream, into: sink, cancellation: context.cancellation)
    let manifest = try JSONDecoder().decode(BootstrapManifest.self, from: Data(sink.bytes))
    let paths = Set(manifest.configPaths.map { ItemPath(String($0.drop { $0 == "/" })) })
    let count = Int(context.flags[strip] ?? "0") ?? 0
    try Extraction(context, reader).run(
      items.filter { paths.contains($0.path) }, to: context.flags[destination] ?? "/", parts: .count(count))
    if !context.isDryRun {
      for path in manifest.configPaths { context.console.answer("Brought back \(path) from \(archive.name)") }
    }
  }
}
