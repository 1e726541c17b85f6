import CofferRepository
import CofferSystem
import Glibc

/// `mount`: shows archives as folders.
enum MountAction {
  static let mountPoint = Flag<String>(
    "--mount-point", required: "FOLDER", help: "The empty folder to mount at.")
  private static let archive = Flag<String?>(
    "--archive", value: "NAME",
    help: "The archive's name, its id, or 'latest'. Without it each archive is a folder in the mount.")
  static let foreground = Flag<Bool>("--foreground", help: "Stay in the foreground until the mount is taken away.")
  private static let options = Flag<MountWords?>(
    "--options", value: "WORDS", MountWords.parser,
    help:
      "Parted by commas: 'allow_other' lets other users in, as far as permissions in the archive let them; 'exec' lets "
      + "programs be started from there.")

  static let declaration = ActionDeclaration(
    "mount", "-m", abstract: "Show archives as folders of files.",
    discussion: """
      Files are at their paths, dumps at databases/HOOK/PLACE/NAME. What is read is fetched then and verified; only what \
      holds it is fetched. Nothing can be changed, and nothing in it gives rights. It works on in the background until \
      'coffer umount', a signal or a restart ends it; archives that are made meanwhile are not in it. A byte that cannot be \
      given as it was stored is an error for whoever reads it, and is said in log_file or, with --foreground, here.
      """,
    flags: [archive, SharedFlags.repository, ItemFlags.path] + ItemFlags.exclusion + ArchiveListing.flags
      + [foreground, options],
    operands: [mountPoint],
    examples: [
      "coffer mount /mnt/archives", "coffer mount /mnt/archives --archive latest",
      "coffer mount --mount-point /mnt/archives --archive latest --path home --options allow_other --foreground",
    ], repositories: .one, run: run)

  /// Whether a command line asks for a mount that goes on when its caller goes on. What cannot be understood is said by who
  /// runs it.
  static func goesToBackground(_ words: [String]) -> Bool {
    guard words.contains(where: { declaration.names.contains($0) }),
      let parsed = try? CommandLineParser(actions: CommandTable.actions).parse(words)
    else { return false }
    let isShown = [GlobalFlags.help, GlobalFlags.version, GlobalFlags.dryRun].contains { parsed.globals.contains($0) }
    return !isShown
      && parsed.invocations.contains { $0.action.name == declaration.name && !$0.flags.contains(foreground) }
  }

  /// The place that the command line names.
  fileprivate static func place(_ context: ActionContext) -> FuseMount {
    FuseMount(
      at: context.absolutePath(context.flags[mountPoint]), launcher: context.surroundings.launcher,
      environment: context.surroundings.environment)
  }

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let words = context.flags[options] ?? MountWords()
      let place = place(context)
      _ = try place.emptyFolder()
      let access = try context.open(location)
      let name = context.flags[archive]
      let shown = try ArchiveListing.readable(of: access, named: name, context)
      let archives = MountedArchives(shown, try ItemFlags.selection(context), context.console)
      // What cannot be opened is said before anything is mounted.
      let reader = try access.repository.reader()
      if name != nil { _ = try archives.tree(of: 0, by: reader, context.cancellation) }
      guard !context.isDryRun else {
        return context.console.answer("Would mount \(shown.count) archives at \(place.path)")
      }
      let connection = try place.mount(words.options)
      defer { place.leave(connection) }
      // Of what is in the background nobody sees standard error.
      let log = context.run.starter.map { _ in SystemLog(verbosity: 0) }
      let server = try MountServer(
        connection, archives, isWhole: name == nil, MountTroubles(context.console, log: log),
        cancellation: context.cancellation, makeReader: { try access.repository.reader() })
      context.console.remark("Mounted at \(place.path); 'coffer umount' or Ctrl-C takes it away")
      try context.run.starter?.tellReady()
      do {
        try server.run()
      } catch is RunCancelled {
        // Whoever ends it by a signal has got what he wanted.
        context.console.step("Taking the mount at \(place.path) away")
      }
    }
  }
}

/// `umount`: takes a mount away.
enum UmountAction {
  static let declaration = ActionDeclaration(
    "umount", "-u", abstract: "Take a mount of archives away.",
    discussion: "The program behind it ends. What is in use is left alone.",
    operands: [MountAction.mountPoint], examples: ["coffer umount /mnt/archives"], needsConfiguration: false, run: run)

  private static func run(_ context: ActionContext) throws {
    let place = MountAction.place(context)
    guard !context.isDryRun else { return context.console.answer("Would unmount \(place.path)") }
    try place.unmount()
  }
}

/// What `--options` of `mount` may say.
struct MountWords: Sendable {
  private(set) var options = FuseMount.Options()

  static let parser = FlagParser<MountWords>(
    "one or several of allow_other, exec, noexec, ro, nosuid and nodev, parted by commas",
    choices: ["allow_other", "exec", "noexec", "ro", "nosuid", "nodev"]
  ) { text in
    var words = MountWords()
    for word in text.parts(by: ",", keepingEmpty: false) {
      switch word {
      case "allow_other": words.options.allowsOthers = true
      case "exec": words.options.allowsPrograms = true
      case "noexec": words.options.allowsPrograms = false
      // As it is in any case.
      case "ro", "nosuid", "nodev", "default_permissions": break
      default: return nil
      }
    }
    return words
  }
}
