import CofferConfiguration
import CofferRepository
import CofferSystem

/// `export-tar`: writes files and dumps of an archive as a tar archive.
enum ExportTarAction {
  private static let destination = Flag<String>(
    "--destination", required: "FILE",
    help: "The tar archive, a file that must not be there yet; '-' is standard output.")
  private static let filter = Flag<CommandWords?>(
    "--tar-filter", value: "PROGRAM", .option,
    help:
      "What the tar archive goes through, 'zstd -T0' for example; 'none' for nothing. Default: what the end of FILE "
      + "asks for, as .gz, .bz2, .xz, .zst and .lz4 do.")
  private static let withoutDumps = Flag<Bool>("--without-dumps", help: "Leave dumps of databases out.")
  private static let list = Flag<Bool>(
    "--list",
    help: "Print every path as it is written, to standard error where the tar archive goes to standard output.")

  static let declaration = ActionDeclaration(
    "export-tar", abstract: "Write files and dumps of an archive as a tar archive.",
    discussion: """
      In the pax format, which every tar reads: with long names, hard links, holes, fractions of seconds, extended \
      attributes and access control lists (of GNU tar, --xattrs --acls brings these back). Dumps are in it as \
      databases/HOOK/PLACE/NAME. Sockets and file flags have no place in tar. A file appears only when it is whole; \
      should a byte be missing, the output ends early and the exit code says so.
      """,
    flags: [SharedFlags.at, SharedFlags.repository, SharedFlags.matchArchives, ItemFlags.path] + ItemFlags.exclusion
      + [
        SelectionFlags.database, withoutDumps, ExtractAction.strip, filter, list, SharedFlags.progress,
      ] + SelectionFlags.origin,
    operands: [SharedFlags.archive, destination],
    examples: [
      "coffer export-tar latest /mnt/usb/everything.tar.gz",
      "coffer export-tar latest - --path srv/www | ssh other tar -x -C /srv",
      "coffer export-tar --archive latest --destination etc.tar --path etc --exclude '*/cache'",
    ], repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let path = context.flags[destination]
      guard !path.isSame(as: "-") || !context.console.answersToTerminal else {
        throw UsageError(
          argument: "standard output", problem: "It is a terminal, and a tar archive is nothing to look at there",
          suggestion: "Pipe it into a program, or name a file")
      }
      let target = try StreamDestination(path, context)
      let access = try context.open(location, forData: true)
      let archive = try access.archive(context.wantedArchive(), try context.archiveFilter())
      context.tellMissing(from: archive)
      let reader = try access.repository.reader(forDataOf: archive)
      let items = try ChosenItems(
        of: archive, reader, context, withoutDumps: context.flags[withoutDumps])
      let strip = context.flags[ExtractAction.strip]
      guard !context.isDryRun else {
        var count = 0
        let missing = try items.survey { item, path in
          if item.content != .socket, strip.parts(of: path, isFolder: item.content == .directory) != nil { count += 1 }
        }.missing
        let text = "Would write \(count) items of archive \(archive.name)"
        return try SeveralErrors.gathering(missing) {
          guard let path = target.path else { return context.console.remark(text) }
          context.console.answer("\(text) to \(path)")
        }
      }
      // Nothing is written of a list that cannot be read to its end.
      let (size, missing) = try items.survey()
      try SeveralErrors.gathering(missing) {
        var written: (count: Int, damage: NotExtracted?) = (0, nil)
        try target.write(context.console) { sink, number in
          let filter = try words(forFile: target.path, context).map { try FilterSink($0, writingTo: number, context) }
          written = try TarExport(context: context, reader: reader).write(
            items, size: size, strip, into: filter ?? sink
          ) { path in
            guard context.flags[list] else { return context.console.step(path.text) }
            if target.path == nil { context.console.note(path.text) } else { context.console.answer(path.text) }
          }
          try filter?.finish()
        }
        if let damage = written.damage { throw damage }
        if let path = target.path { context.console.remark("Wrote \(written.count) items to \(path)") }
      }
    }
  }

  /// The filter that is asked for; nil for none.
  private static func words(forFile path: String?, _ context: ActionContext) -> [String]? {
    let fitting = path.flatMap(FilterSink.words)
    guard let given = context.flags[filter]?.words, !given.isEmpty, given != ["auto"] else { return fitting }
    return given == ["none"] ? nil : given
  }
}
