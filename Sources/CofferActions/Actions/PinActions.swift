import CofferRepository
import CofferSystem

/// `pin`: has an archive stay.
enum PinAction {
  static let archive = Flag<String?>(
    "--archive", value: "NAME", help: "The archive's name, its id or the beginning of that, or 'latest'.")
  private static let reason = Flag<String>(
    "--reason", value: "TEXT", default: "", help: "Why it is to stay; 'coffer info' shows it.")

  static let declaration = ActionDeclaration(
    "pin", abstract: "Keep an archive until it is unpinned.",
    discussion: """
      Neither 'coffer prune' nor 'coffer delete' takes a pinned archive away, on any machine whose Coffer knows pins, and whatever --keep-until \
      or the keep_ options say. It takes nobody's place among those that the rules keep. It takes a full key.
      """,
    flags: [archive, SharedFlags.repository, reason],
    examples: ["coffer pin --archive latest --reason 'the books of 2026'"], run: run)

  private static func run(_ context: ActionContext) throws {
    let wanted = try name(context, of: declaration)
    try context.forEachRepository { location in
      let access = try context.open(location)
      let found = try access.archive(wanted, try context.archiveFilter())
      guard found.standing == .counts else { throw UndecidedArchive(name: found.name, repository: location.path) }
      let name = Quoting.terminal(found.name)
      guard try !access.repository.pins(of: [found]).isPinned(found) else {
        return context.console.remark("\(location.path): Archive \(name) is pinned already")
      }
      guard !context.isDryRun else { return context.console.answer("\(location.path): Would pin archive \(name)") }
      let maker = context.archiveName
      try access.repository.pin(
        found,
        ArchivePin(
          time: context.surroundings.clock.now(), hostname: maker.hostname, username: maker.username,
          reason: context.flags[reason]))
      context.console.remark("\(location.path): Pinned archive \(name)")
    }
  }

  /// The archive that has to be named.
  ///
  /// - Throws: `UsageError`.
  static func name(_ context: ActionContext, of action: ActionDeclaration) throws(UsageError) -> String {
    if let name = context.flags[archive] { return name }
    throw UsageError(
      argument: action.name, problem: "The flag \(archive.name) is missing",
      suggestion: "Write 'coffer \(action.name) \(archive.name) NAME'; 'coffer repo-list' shows the names")
  }
}

/// `unpin`: lets an archive go by the rules again.
enum UnpinAction {
  static let declaration = ActionDeclaration(
    "unpin", abstract: "Let an archive that was pinned go by the rules again.",
    discussion: """
      Nothing else is changed: the next 'coffer prune' goes by the archive's age, its label and its --keep-until. An archive \
      that cannot be read, or is not there any more, is unpinned by its id.
      """,
    flags: [PinAction.archive, SharedFlags.repository], examples: ["coffer unpin --archive db1-2026-01-31T03:00:00"],
    run: run)

  private static func run(_ context: ActionContext) throws {
    let wanted = try PinAction.name(context, of: declaration)
    try context.forEachRepository { location in
      let access = try context.open(location)
      var archiveID = wanted
      var name = wanted
      var missing: (any Error)?
      do {
        let found = try access.anyArchive(wanted, try context.archiveFilter())
        (archiveID, name) = (found.id, found.name)
      } catch {
        guard UnreadArchive.isNone(error), !context.isDryRun else { throw error }
        missing = error
      }
      name = Quoting.terminal(name)
      guard !context.isDryRun else { return context.console.answer("\(location.path): Would unpin archive \(name)") }
      let wasPinned = try access.repository.unpin(archiveID)
      // Of a name that nothing has, nothing was asked for.
      if let missing, !wasPinned { throw missing }
      context.console.remark(
        "\(location.path): \(wasPinned ? "Unpinned archive \(name)" : "Archive \(name) was not pinned")")
    }
  }
}

/// Whether an archive counts is not decided yet.
struct UndecidedArchive: DiagnosableError, Equatable {
  let name: String
  let repository: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(repository)",
      problem:
        "Whether the archive '\(Quoting.terminal(name))' counts is not decided yet: a compaction has passed it by",
      suggestion: "Pin another archive, or this one when 'coffer repo-list' shows it as any other")
  }
}
