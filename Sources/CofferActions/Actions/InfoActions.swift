import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// `repo-info`: sizes and mode of the repositories.
enum RepoInfoAction {
  static let declaration = ActionDeclaration(
    "repo-info", "rinfo", abstract: "Show a repository's mode and sizes.",
    flags: [SharedFlags.repository, SharedFlags.json], examples: ["coffer repo-info"], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let statistics = try access.repository.statistics()
      if context.wantsJSON {
        return context.run.outcomes.add(
          .object([
            "cache": JSONShapes.cache(statistics), "encryption": JSONShapes.encryption(access),
            "repository": JSONShapes.repository(access, lastModified: statistics.lastModified),
            "security_dir": .text(""), "store": JSONShapes.store(access.store.abilities),
          ]))
      }
      let header = access.repository.header
      context.console.answer(
        Formats.table(
          [
            ["Repository:", location.path + (location.label.map { " (\($0))" } ?? "")], ["Id:", header.id],
            ["Encryption:", header.mode.rawValue], ["Key in use:", access.repository.role.rawValue],
            ["Chunks:", "\(statistics.uniqueChunks) of about \(Formats.size(UInt64(header.chunker.target)))"],
            [
              "Archives:",
              "\(statistics.archiveCount)"
                + (statistics.voidArchives > 0 ? ", and \(statistics.voidArchives) void ones" : ""),
            ],
            ["Backed up:", "\(Formats.size(statistics.totalSize)) in all archives together"],
            ["Different:", Formats.size(statistics.uniqueSize)],
            ["Stored:", Formats.size(statistics.storedSize)],
            ["Left behind:", leftovers(try access.repository.leftovers())],
            ["Last archive:", statistics.lastModified.map { Formats.time($0) } ?? "none"],
          ] + rows(access.store.abilities)), keepingLines: true)
    }
  }
}

extension RepoInfoAction {
  /// What the place is, and what it was found to be able to do.
  private static func rows(_ abilities: StoreAbilities) -> [[String]] {
    func row(_ title: String, _ answer: Bool?, _ yes: String, _ no: String) -> [String] {
      [title, answer.map { $0 ? yes : no } ?? "not known"]
    }
    return [
      ["Kept in:", abilities.kind],
      row("Taken names:", abilities.refusesTakenNames, "refused by the store", "overwritten by the store"),
      row("Parts of objects:", abilities.readsParts, "read by themselves", "read with the whole object"),
      row("Objects' times:", abilities.keepsOwnTimes, "by the store's clock", "by the clock of who put them"),
    ] + abilities.remarks.map { ["", $0] }
  }

  private static func leftovers(_ left: Leftovers) -> String {
    var parts: [String] = []
    if left.unfinishedPuts > 0 {
      parts.append("\(left.unfinishedPuts) unfinished files, \(Formats.size(left.unfinishedSize))")
    }
    if left.sessions > 0 { parts.append("\(left.sessions) sessions, unless they are running") }
    if left.unindexedPacks > 0 { parts.append("\(left.unindexedPacks) packs without an index") }
    return parts.isEmpty ? "nothing" : parts.joined(separator: "; ")
  }
}

/// `info`: what is known of archives.
enum InfoAction {
  private static let archive = Flag<String?>(
    "--archive", value: "NAME", help: "The archive's name, its id, or 'latest'. Without it, all archives are shown.")

  static let declaration = ActionDeclaration(
    "info", "-i", abstract: "Show times, sizes and origin of archives, and how far servers' logs reach.",
    flags: [archive, SharedFlags.repository] + ArchiveListing.flags + [SharedFlags.json],
    examples: ["coffer info --archive latest"],
    partly: [
      PostgreSQLClusterOptions.schema, MariaDBServerOptions.schema, MongoDBServerOptions.schema,
    ], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let archives =
        try context.flags[archive].map { [try access.anyArchive($0, try context.archiveFilter())] }
        ?? ArchiveListing.archives(of: access, context)
      let found = try access.repository.proofs(of: archives)
      let proofs = ProofHistory(found)
      let logs = try context.flags[archive] == nil ? logs(in: access, archives, found, context) : []
      let pins = try access.repository.pins(of: archives)
      if context.wantsJSON {
        return context.run.outcomes.add(
          .object([
            "archives": .list(
              try archives.map { archive in
                var object = detailed(archive, access, proofs)
                object["pinned"] = .bool(pins.isPinned(archive))
                object["pin"] = JSONShapes.pin(pins.pin(of: archive))
                object["dumps"] = try dumps(of: archive, access, context)
                return .object(object)
              }),
            "cache": JSONShapes.cache(try access.repository.statistics()),
            "encryption": JSONShapes.encryption(access), "logs": .list(logs.map(\.json)),
            "repository": JSONShapes.repository(access, lastModified: archives.last?.end),
          ]))
      }
      context.tellRepository(location)
      let now = context.surroundings.clock.now()
      for archive in archives {
        let versions = try versions(of: archive, access, context)
        context.console.answer(text(archive, proofs, pins, now, versions), keepingLines: true)
      }
      for log in logs { context.console.answer(Quoting.terminal(log.text(at: now))) }
    }
  }

  /// How far a server's log reaches, and how long it took to bring the server back, when that was last tried.
  private struct Log {
    let status: LogStatus
    /// The newest that a server was made of.
    let proof: Proof?

    var json: JSONValue {
      var fields = status.fields
      fields["restore_seconds"] = proof?.seconds.map { .real($0) } ?? .null
      fields["restore_time"] = proof.map { .text(Formats.isoTime($0.time)) } ?? .null
      return .object(fields)
    }

    func text(at now: Date) -> String {
      let took = proof.flatMap { proof in
        proof.seconds.map { "restored in \(Formats.duration($0)) \(proof.age(at: now)) ago" }
      }
      return StatusText.log(status) + "; \(took ?? "no restore of a base backup was measured")"
    }
  }

  private static func logs(
    in access: OpenRepository, _ archives: [Archive], _ proofs: [Proof], _ context: ActionContext
  ) throws -> [Log] {
    let statuses = try LogStatus.all(in: access, needs: archives.reversed().flatMap(\.draft.logNeeds), context)
    return statuses.map { status in
      let own = proofs.filter {
        $0.isProven && $0.isRestored && $0.seconds != nil && $0.database.isSame(as: status.name)
          && $0.hook.isSame(as: PostgreSQLClusterOptions.clusters.name)
      }
      return Log(status: status, proof: own.max { $0.time < $1.time })
    }
  }

  /// What the dumps of a single archive hold, which takes reading its list.
  ///
  /// - Returns: nil where several archives are shown, and for a write-only key.
  private static func dumps(
    of shown: Archive, _ access: OpenRepository, _ context: ActionContext
  ) throws -> JSONValue? {
    try records(of: shown, access, context).map { .list($0.map { JSONShapes.dump($0.record) }) }
  }

  private static func records(
    of shown: Archive, _ access: OpenRepository, _ context: ActionContext
  ) throws -> [ArchiveDump]? {
    guard context.flags[archive] != nil, access.repository.role == .full, shown.standing != .void else { return nil }
    return try ArchiveDump.all(of: shown, access.repository.reader(), context.cancellation)
  }

  /// What applications said of their versions, and replicas of their lag, a row each.
  private static func versions(
    of shown: Archive, _ access: OpenRepository, _ context: ActionContext
  ) throws -> [[String]] {
    try (records(of: shown, access, context) ?? []).flatMap { dump in
      let title = dump.identity.title
      let version = dump.record.applicationVersion.map { ["Application:", "\(title): version \($0)"] }
      let lag = dump.record.replicaLag.map { ["Replica:", "\(title): \(Formats.duration($0)) behind"] }
      return [version, lag].compactMap(\.self)
    }
  }

  private static func detailed(
    _ archive: Archive, _ access: OpenRepository, _ proofs: ProofHistory
  ) -> [String: JSONValue] {
    var object = JSONShapes.detailed(archive)
    object["proofs"] = .list(proofs.newest(of: archive).map(\.json))
    let chunker = access.repository.header.chunker
    object["chunker_params"] = .list([
      .text("gear"), .number(chunker.minimum), .number(chunker.target), .number(chunker.maximum),
    ])
    return object
  }

  private static func pinned(_ pin: ArchivePin?) -> String {
    guard let pin else { return "its pin cannot be read, and counts all the same" }
    let place = "\(Formats.time(pin.time)), by \(pin.username) on \(pin.hostname)"
    return pin.reason.isEmpty ? place : "\(place): \(pin.reason)"
  }

  private static func text(
    _ archive: Archive, _ proofs: ProofHistory, _ pins: ArchivePins, _ now: Date, _ versions: [[String]]
  ) -> String {
    let sizes = archive.statistics
    var rows = [
      ["Archive:", archive.name], ["Id:", archive.id], ["Host:", archive.draft.hostname],
      ["User:", archive.draft.username], ["Command:", archive.draft.commandLine.joined(separator: " ")],
      ["Start:", Formats.time(archive.draft.start)],
      ["Duration:", Formats.duration(archive.end.timeIntervalSince(archive.draft.start))],
      ["Items:", String(sizes.itemCount)], ["In all:", Formats.size(sizes.originalSize)],
      ["New:", Formats.size(sizes.newSize)], ["Stored:", Formats.size(sizes.storedSize)],
    ]
    if !archive.draft.label.isEmpty { rows.append(["Label:", archive.draft.label]) }
    if !archive.draft.reason.isEmpty { rows.append(["Reason:", archive.draft.reason]) }
    if !archive.draft.tags.isEmpty { rows.append(["Tags:", archive.draft.tags.joined(separator: ", ")]) }
    if let date = archive.keepUntil { rows.append(["Kept until:", Formats.time(date)]) }
    if pins.isPinned(archive) { rows.append(["Pinned:", pinned(pins.pin(of: archive))]) }
    if !archive.draft.comment.isEmpty { rows.append(["Comment:", archive.draft.comment]) }
    if let word = archive.standing.word { rows.append(["Standing:", word]) }
    rows += versions
    if archive.isPartial { rows.append(["Missing:", archive.draft.missingDumps.joined(separator: ", ")]) }
    for proof in proofs.newest(of: archive) {
      let what = proof.isRestored ? "restored" : "read, not restored,"
      let took = proof.seconds.map { ", \(what) in \(Formats.duration($0))" } ?? ""
      rows.append([
        proof.isProven ? "Proven:" : "NOT PROVEN:",
        "\(proof.dump), \(proof.age(at: now)) ago on \(proof.hostname)\(proof.isProven ? took : "")",
      ])
    }
    return Formats.table(rows)
  }
}
