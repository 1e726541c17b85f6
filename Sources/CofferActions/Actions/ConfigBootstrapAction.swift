import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// `config bootstrap`: brings configuration files back with nothing but a repository and its passphrase.
///
/// A configuration file says what is run as root, so whoever can write archives of a repository could say it here: what is
/// taken, and where from, is shown and asked first.
enum ConfigBootstrapAction {
  private static let repository = Flag<String>(
    "--repository", required: "PATH", help: "The repository to take the configuration from.")
  private static let archive = Flag<String>(
    "--archive", value: "NAME", default: "latest", help: "The archive; latest is the newest of this host.")
  private static let host = Flag<String?>(
    "--host", value: "NAME", help: "Take an archive of this host. Default: the one that this runs on.")
  private static let destination = Flag<String>(
    "--destination", required: "FOLDER",
    help: "Write the files below this folder, which is made if it is missing; / puts them where they were.")

  static let declaration = ActionDeclaration(
    "config bootstrap", abstract: "Bring the configuration files back out of an archive.",
    discussion: """
      Needs no configuration: only the repository and the passphrase, from COFFER_PASSPHRASE or the terminal. Says which \
      files come from which archive of which host, and asks at a terminal. Files that are there already are replaced. \
      Read what came back before you run it: it names programs and commands.
      """,
    flags: [repository, archive, host, destination, ExtractAction.strip, Confirmation.yes],
    examples: [
      "coffer config bootstrap --repository /mnt/backup/databases --destination /tmp/restored",
      "coffer config bootstrap --repository /mnt/backup/databases --host db1 --destination /",
    ],
    needsConfiguration: false, run: run)

  /// Whose archive it is must be said.
  struct ForeignArchive: DiagnosableError, Equatable {
    let archive: String
    let hosts: [String]
    let wanted: String

    var diagnosis: Diagnosis {
      let names = hosts.map { Quoting.terminal($0) }.joined(separator: ", ")
      return Diagnosis(
        subject: archive,
        problem: hosts.isEmpty
          ? "The repository holds no archives"
          : "There is no such archive of host '\(wanted)', but of \(names)",
        suggestion: hosts.last.map {
          "If its configuration is to be trusted here, add --host \(Quoting.pastedWord($0))"
        })
    }
  }

  private static let manifestLimit: UInt64 = 1 << 20

  private static func run(_ context: ActionContext) throws {
    let strip = context.flags[ExtractAction.strip]
    let folder = context.flags[destination]
    let access = try context.open(RepositoryLocation(path: context.flags[repository]))
    let archive = try chosen(context, access)
    let reader = try access.repository.reader()
    let found = try configuration(in: archive, reader, context)
    let places = found.compactMap { item in strip.parts(of: item.path).map { (item, place(of: $0, below: folder)) } }
    guard !places.isEmpty else {
      throw UsageError(
        argument: archive.name, problem: "Nothing of its configuration is left to write",
        suggestion: "Give --strip-components a smaller number, or choose another --archive")
    }
    let list = places.map { "  \(Quoting.terminal($0.1))" }.joined(separator: "\n")
    let title =
      "archive \(Quoting.terminal(archive.name)) of host \(Quoting.terminal(archive.draft.hostname)), "
      + Formats.time(archive.draft.start)
    guard !context.isDryRun else {
      return context.console.answer("Would write, from \(title):\n\(list)", keepingLines: true)
    }
    context.console.note("From \(title):\n\(list)")
    try Confirmation.ask("Write these files?", "config bootstrap", context)
    let size = found.reduce(0 as UInt64) { $0.addingClamped($1.content.stream?.size ?? 0) }
    try Extraction(context, reader).run(size: size, to: folder, parts: strip) { extract in try found.forEach(extract) }
    for (_, place) in places {
      context.console.answer("Brought back \(Quoting.terminal(place)) from \(Quoting.terminal(archive.name))")
    }
  }

  /// - Throws: `ForeignArchive`; `RepositoryError.noSuchArchive`; `UnreadArchive`.
  private static func chosen(_ context: ActionContext, _ access: OpenRepository) throws -> Archive {
    let wanted = context.flags[host] ?? context.surroundings.hostname
    let name = context.flags[archive]
    let (readable, passedOver) = try access.repository.listArchives()
    let all = readable.filter { $0.standing != .void }
    let named = name == "latest" ? all : [try access.archive(name, .all)]
    guard let found = named.last(where: { $0.draft.hostname.isSame(as: wanted) }) else {
      throw ForeignArchive(
        archive: name, hosts: Set(named.map { ExactName($0.draft.hostname) }).sorted().map(\.text), wanted: wanted)
    }
    if name == "latest" { try access.refuseUnread(passedOver, newerThan: found) }
    guard found.writeOnlyKey == nil || context.flags.hasValue(archive) else {
      throw UsageError(
        argument: found.name, problem: "It was made with a write-only key, whose holder could have named any host",
        suggestion: "If its configuration is to be trusted, add --archive \(Quoting.pastedWord(found.name))")
    }
    return found
  }

  /// The items that the archive's own list of configuration files names.
  private static func configuration(
    in archive: Archive, _ reader: ArchiveReader, _ context: ActionContext
  ) throws -> [ArchiveItem] {
    let place = ItemPath(BootstrapManifest.path)
    let manifests = try reader.items(of: archive, cancellation: context.cancellation) { $0.path == place }
    guard let stream = manifests.first?.content.stream, stream.size <= manifestLimit
    else {
      throw UsageError(
        argument: archive.name, problem: "The archive holds no configuration files",
        suggestion: "Choose another with --archive; see them with 'coffer repo-list'")
    }
    let sink = MemorySink()
    try reader.read(stream, into: sink, cancellation: context.cancellation)
    let manifest = try JSONDecoder().decode(BootstrapManifest.self, from: Data(sink.bytes))
    let paths = Set(manifest.configPaths.map { ItemPath($0).withoutLeadingSlash })
    return try reader.items(of: archive, cancellation: context.cancellation) { paths.contains($0.path) }
  }

  /// Where an item ends up.
  private static func place(of parts: [EntryName], below folder: String) -> String {
    let base = folder.before(end: "/") ?? folder
    return base + "/" + parts.joined
  }
}
