import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// `repo-list`: the archives of the repositories.
enum RepoListAction {
  static let short = Flag<Bool>("--short", help: "Print names and nothing else.")

  static let declaration = ActionDeclaration(
    "repo-list", "rlist", abstract: "List the archives of a repository.",
    flags: [SharedFlags.repository] + ArchiveListing.flags + [short, SharedFlags.json, SharedFlags.jsonLines],
    examples: ["coffer repo-list --json", "coffer repo-list --last 3"], run: run)

  static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let archives = try ArchiveListing.archives(of: access, context)
      let isShort = context.flags.contains(short) && !context.wantsJSON
      let proofs = ProofHistory(isShort ? [] : try access.repository.proofs(of: archives))
      let pins = isShort ? .none : try access.repository.pins(of: archives)
      let now = context.surroundings.clock.now()
      if context.flags.contains(SharedFlags.jsonLines) {
        return archives.forEach { context.tellLine(JSONShapes.listed($0, proofs, pins), in: access) }
      }
      if context.wantsJSON {
        context.run.outcomes.add(
          .object([
            "archives": .list(archives.map { JSONShapes.listed($0, proofs, pins) }),
            "encryption": JSONShapes.encryption(access),
            "repository": JSONShapes.repository(access, lastModified: archives.last?.end),
          ]))
        return
      }
      context.tellRepository(location)
      context.console.step("\(location.path): \(archives.count) archives")
      guard !archives.isEmpty else { return try tellWhyNone(of: access, context) }
      guard !isShort else { return archives.forEach { context.console.answer($0.name) } }
      context.console.answer(
        Formats.table(
          archives.map {
            [
              $0.name, Formats.time($0.draft.start), Formats.size($0.statistics.originalSize),
              [
                $0.isPartial ? "partial" : nil, $0.standing.word, pins.isPinned($0) ? "pinned" : nil,
                proofs.summary(of: $0, at: now),
              ].compactMap(\.self).joined(separator: ", "),
              "[\($0.id)]",
            ]
          }), keepingLines: true)
    }
  }
}

extension RepoListAction {
  /// Nothing to list is no answer when the repository is not empty.
  private static func tellWhyNone(of access: OpenRepository, _ context: ActionContext) throws {
    let all = try access.repository.archives()
    guard let newest = all.last else {
      return context.console.remark("\(access.location.path): The repository holds no archive yet")
    }
    let filter = try context.archiveFilter()
    guard try !all.contains(where: filter.sees) else { return }
    let hosts = Set(all.map { ExactName($0.draft.hostname) }).sorted().prefix(5).map(\.text)
    context.console.warning(
      Console.text(
        Diagnosis(
          subject: access.location.path,
          problem:
            "None of its \(all.count) archives has a name like '\(filter.text)'; the newest is \(newest.name), and they "
            + "were made on \(hosts.joined(separator: ", "))",
          suggestion:
            "See all with --match-archives '*'; set match_archives or archive_hostname if this machine was renamed")))
  }
}

extension ActionContext {
  /// Prints an object on a line of its own, with the repository that it is in.
  func tellLine(_ value: JSONValue, in access: OpenRepository) {
    guard case .object(var object) = value else { return }
    object["repository"] = .text(access.location.path)
    console.output(JSONValue.object(object).rendered + "\n")
  }

  /// Says whose answers follow, where there are several repositories.
  func tellRepository(_ location: RepositoryLocation) {
    guard run.hasSeveralRepositories, !wantsJSON else { return }
    console.answer("Repository \(location.label.map { "\($0) (\(location.path))" } ?? location.path):")
  }
}

/// `list`: what is in an archive.
enum ListAction {
  private static let archive = Flag<String?>(
    "--archive", value: "NAME", help: "The archive's name, its id, or 'latest'. Without it the archives are listed.")

  static let declaration = ActionDeclaration(
    "list", "-l", abstract: "List the databases and files of an archive.",
    discussion: """
      Dumps are shown as databases: hook, host, port, name, format and size. With --json, the outcome is an array with \
      one object whose 'items' are the entries.
      """,
    flags: [archive, SharedFlags.repository, ItemFlags.path] + ItemFlags.exclusion + [FindAction.find]
      + ArchiveListing.flags + [RepoListAction.short, SharedFlags.json, SharedFlags.jsonLines],
    examples: ["coffer list --archive latest", "coffer list --archive latest --path 'sh:home/**/*.jpg' --short"],
    run: run)

  private static func run(_ context: ActionContext) throws {
    guard context.flags[FindAction.find].isEmpty else { return try FindAction.run(context, in: context.flags[archive]) }
    guard let name = context.flags[archive] else { return try RepoListAction.run(context) }
    try context.forEachRepository { location in
      let access = try context.open(location)
      let archive = try access.archive(name, try context.archiveFilter())
      context.tellMissing(from: archive)
      var selection = try ItemFlags.selection(context)
      let reader = try access.repository.reader()
      if context.flags.contains(SharedFlags.jsonLines) {
        return try reader.forEachItem(of: archive, cancellation: context.cancellation) { item in
          if try selection.contains(item) { context.tellLine(try json(item), in: access) }
        }
      }
      let isShort = context.flags.contains(RepoListAction.short) && !context.wantsJSON
      if isShort {
        context.tellRepository(location)
        return try reader.forEachItem(of: archive, cancellation: context.cancellation) { item in
          if try selection.contains(item) { context.console.answer(item.path.text) }
        }
      }
      let items = try reader.items(of: archive, cancellation: context.cancellation) { try selection.contains($0) }
      if context.wantsJSON {
        return context.run.outcomes.add(
          .object([
            "archive": .text(archive.name), "id": .text(archive.id), "partial": .bool(archive.isPartial),
            "missing_dumps": .list(archive.draft.missingDumps.map { .text($0) }),
            "repository": JSONShapes.repository(access, lastModified: nil),
            "items": .list(try items.map(json)),
          ]))
      }
      context.tellRepository(location)
      let dumps = try ArchiveDump.all(in: items)
      if !dumps.isEmpty { context.console.answer(ArchiveDump.table(dumps), keepingLines: true) }
      let dumpPaths = Set(dumps.flatMap { $0.items.map(\.path) })
      let files = items.filter { !dumpPaths.contains($0.path) }
      if !dumps.isEmpty && !files.isEmpty { context.console.answer("") }
      if !files.isEmpty { context.console.answer(Formats.table(files.map(row)), keepingLines: true) }
    }
  }

  private static func row(_ item: ArchiveItem) -> [String] {
    let date = Date(timeIntervalSince1970: Double(item.modified) / 1e9)
    var path = item.path.text
    if case .symbolicLink(let target) = item.content { path += " -> \(target)" }
    return [
      Formats.mode(type(of: item), item.mode), item.user.isEmpty ? String(item.userID) : item.user,
      item.group.isEmpty ? String(item.groupID) : item.group, String(item.size), Formats.time(date), path,
    ]
  }

  private static func type(of item: ArchiveItem) -> Unicode.Scalar {
    switch item.content {
    case .directory: "d"
    case .file: "-"
    case .symbolicLink: "l"
    case .device(isBlock: true, _, _): "b"
    case .device(isBlock: false, _, _): "c"
    case .fifo: "p"
    case .socket: "s"
    }
  }

  static func json(_ item: ArchiveItem) throws -> JSONValue {
    var link = ""
    if case .symbolicLink(let target) = item.content { link = target.text }
    var object: [String: JSONValue] = [
      "type": .text(String(type(of: item))), "mode": .text(Formats.mode(type(of: item), item.mode)),
      "user": .text(item.user), "group": .text(item.group), "uid": .number(Int(clamping: item.userID)),
      "gid": .number(Int(clamping: item.groupID)), "path": .text(item.path.text), "healthy": .bool(true),
      "source": .text(link), "linktarget": .text(link), "flags": .null, "size": .number(Int(clamping: item.size)),
      "mtime": .text(Formats.isoTime(Date(timeIntervalSince1970: Double(item.modified) / 1e9))),
    ]
    // JSON has texts only; what is no text is there a second time.
    if !item.path.isText { object["path_base64"] = .text(Data(item.path.bytes).base64EncodedString()) }
    if case .symbolicLink(let target) = item.content, !target.isText {
      object["linktarget_base64"] = .text(Data(target.bytes).base64EncodedString())
    }
    if let dump = try DumpRecord(of: item) {
      object["dump"] = JSONShapes.dump(dump)
    }
    return .object(object)
  }
}
