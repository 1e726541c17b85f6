import CofferRepository
import CofferSystem
import Glibc

/// `dump`: writes the dump of one database to standard output or a file.
enum DumpAction {
  private static let to = Flag<String?>(
    "--to", value: "FILE",
    help:
      "Write to this file, which must not be there yet; '-' is standard output. Default: standard output, unless that "
      + "is a terminal.")

  static let declaration = ActionDeclaration(
    "dump", abstract: "Write a database's dump to standard output, as its own program made it.",
    discussion: """
      For pipes into the database's own tools. Every byte is verified before it is written; should one be missing, the \
      output ends early and the exit code says so. A file appears only when it is whole. A dump that is a folder is \
      written by 'coffer extract --database NAME'.
      """,
    flags: [
      SharedFlags.archive, SharedFlags.at, SharedFlags.repository, SharedFlags.matchArchives, SelectionFlags.database,
      to,
    ] + SelectionFlags.origin,
    examples: [
      "coffer dump --archive latest --database shop | pg_restore --list",
      "coffer dump --archive latest --database shop --to shop.dump",
    ], repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location, forData: true)
      let archive = try access.archive(context.wantedArchive(), try context.archiveFilter())
      context.tellMissing(from: archive)
      let reader = try access.repository.reader()
      let dumps = try ArchiveDump.all(of: archive, reader, context.cancellation)
      let chosen = try SelectionFlags.selection(context).select(
        from: dumps, archive: archive.name, missing: archive.draft.missingDumps)
      guard chosen.count == 1, let dump = chosen.first else { throw severalDumps(chosen, archive) }
      guard dump.items.count == 1, case .file(let stream) = dump.items[0].content else {
        throw UsageError(
          argument: dump.identity.title, problem: "Its dump is a folder of files, which is no stream",
          suggestion: "Write the folder with 'coffer extract --archive \(archive.name) --database NAME'")
      }
      try write(stream, of: dump, reader, context)
    }
  }

  private static func write(
    _ stream: StreamReference, of dump: ArchiveDump, _ reader: ArchiveReader, _ context: ActionContext
  ) throws {
    let path = context.flags[to]
    guard path != nil || !context.console.answersToTerminal else {
      throw UsageError(
        argument: "standard output", problem: "It is a terminal, and a dump is nothing to look at there",
        suggestion: "Pipe it into a program, name a file with --to, or write '--to -'")
    }
    let destination = try StreamDestination(path, context)
    let what = "\(Formats.size(stream.size)) of \(dump.identity.title)"
    guard !context.isDryRun else {
      guard let path = destination.path else { return context.console.remark("Would write \(what)") }
      return context.console.answer("Would write \(what) to \(path)")
    }
    try destination.write(context.console) { sink, _ in
      try reader.read(stream, into: sink, cancellation: context.cancellation)
    }
    if let path = destination.path { context.console.remark("Wrote \(what) to \(path)") }
  }

  private static func severalDumps(_ dumps: [ArchiveDump], _ archive: Archive) -> UsageError {
    UsageError(
      argument: SelectionFlags.database.name,
      problem: "\(dumps.count) dumps of archive \(archive.name) are meant, and a stream holds one:\n"
        + ArchiveDump.table(dumps),
      suggestion: "Choose one with --database, --hook or the --original flags")
  }
}
