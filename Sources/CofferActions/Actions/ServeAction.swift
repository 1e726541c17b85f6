import CofferStorage
import CofferSystem
import Glibc

/// `serve`: the other end of a repository at `ssh://`.
enum ServeAction {
  private static let appendOnly = Flag<Bool>(
    "--append-only", help: "Let the client add, and delete nothing.")
  private static let restriction = Flag<[String]>(
    "--restrict-to-path", value: "FOLDER", each: FlagParser("a folder") { $0.isEmpty ? nil : $0 },
    help: "Let the client use repositories that are this folder, or in it, only; may be given several times.")
  private static let quota = Flag<Int?>(
    "--quota", value: "SIZE", .size,
    help: "Let a repository grow no larger than this: 500M, 20G. Its folder has to be one of --restrict-to-path then, "
      + "and not in one.")

  static let declaration = ActionDeclaration(
    "serve", abstract: "Keep a repository for a Coffer on another host, which starts this through ssh.",
    discussion: """
      Standard input and output belong to the protocol that Coffer's stores at ssh:// speak; nobody has to start this by \
      hand. What a client may do is said where its key is admitted: in ~/.ssh/authorized_keys on this host, in one line \
      as the last example, which ends with the client's public key. Whatever the client asks ssh to run, the command of \
      that line is run. With --append-only, nothing that is stored can be deleted or replaced with that key; what is to \
      go, another key or a user of this host deletes.
      """,
    flags: [appendOnly, restriction, quota],
    examples: [
      "coffer serve --restrict-to-path /srv/coffer",
      "coffer serve --append-only --restrict-to-path /srv/coffer/db1 --quota 500G",
      #"command="coffer serve --append-only --restrict-to-path /srv/coffer/db1",restrict ssh-ed25519 AAAA... root@db1"#,
    ],
    needsConfiguration: false, repositories: .none, run: run)

  private static func run(_ context: ActionContext) throws {
    guard !context.flags.contains(quota) || context.flags.hasValue(quota) else {
      throw UsageError(
        argument: quota.name, problem: "It has no value, so there would be no limit",
        suggestion: "Write a size like 500G")
    }
    guard !context.flags.contains(quota) || !context.flags[restriction].isEmpty else {
      throw UsageError(
        argument: quota.name,
        problem: "Without --restrict-to-path the client could begin other repositories, each with a quota of its own",
        suggestion: "Name the repository's folder by --restrict-to-path")
    }
    guard isatty(STDIN_FILENO) == 0 else { throw ServeEnd.nonsense }
    // From here on, nothing but frames gets to where the client reads.
    let output = dup(STDOUT_FILENO)
    guard output >= 0, dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 else {
      throw SystemError(call: "dup", subject: "standard output")
    }
    let answers = FileDescriptor(owning: output)
    for number in [STDIN_FILENO, answers.number] {
      let flags = fcntl(number, F_GETFL)
      guard flags >= 0, fcntl(number, F_SETFL, flags | O_NONBLOCK) >= 0, fcntl(answers.number, F_SETFD, FD_CLOEXEC) >= 0
      else { throw SystemError(call: "fcntl", subject: "standard streams") }
    }
    let rights = ServeRights(
      isAppendOnly: context.flags[appendOnly], folders: context.flags[restriction], quota: context.flags[quota])
    try StoreServer(
      rights: rights, folder: context.surroundings.currentFolder, input: STDIN_FILENO, output: answers.number,
      cancellation: context.cancellation, clock: context.surroundings.clock
    ).run()
  }
}
