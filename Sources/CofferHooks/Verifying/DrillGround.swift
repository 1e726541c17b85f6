import CofferSystem
import Glibc

/// The folder of one drill, and how servers are run in it: as a user who owns nothing else, and, where the system lets, without a
/// network and apart from other processes.
///
/// What is restored may be anybody's work, and runs as the superuser of the throw-away server. The folder is a run's own
/// (`RuntimeDirectory`): a run that was killed leaves it, and the next one removes it.
public final class DrillGround: Sendable {
  private let directory: RuntimeDirectory
  /// Whom servers run as, where this program runs as root.
  let account: ServerOwner?
  /// In which nothing of the environment leads to another server, or holds a password: the user's are for his own servers.
  public let context: HookContext
  /// nil where the system parts them from nothing.
  private let parting: Parting?

  /// How far programs are parted from the rest of this machine.
  private enum Parting: CaseIterable {
    /// From networks and from other processes: they can signal none but their own, and what a server starts cannot outlive it.
    case processes
    /// From networks only.
    case networks

    var arguments: [String] {
      let networks = ["--net", "--ipc"]
      return switch self {
      case .processes: networks + ["--pid", "--fork", "--kill-child"]
      case .networks: networks
      }
    }
  }

  /// A ground that cannot be had.
  public struct Unusable: DiagnosableError, Equatable {
    public let subject: String
    public let problem: String

    public var diagnosis: Diagnosis {
      Diagnosis(subject: subject, problem: problem, suggestion: "Set verify_user to a user who owns no files")
    }
  }

  /// What servers inherit: nothing of the environment but where programs are.
  static func environment(_ context: HookContext) -> ProcessEnvironment {
    ProcessEnvironment(["PATH": context.environment["PATH"] ?? "/usr/bin:/bin", "LC_ALL": "C"])
  }

  /// Makes the folder.
  ///
  /// - Parameters:
  ///   - base: Where, absolute.
  ///   - user: Whom servers run as when this program runs as root.
  /// - Throws: `Unusable`; `RuntimeDirectory.Failure`; `RunCancelled`.
  public convenience init(in base: String, user: String, context: HookContext) throws {
    try self.init(in: base, as: geteuid() == 0 ? try Self.account(user) : nil, context: context)
  }

  /// Makes the folder for servers that run in a place of their own.
  ///
  /// - Parameter account: Whose that is, and whom they run as; nil for this user.
  /// - Throws: `RuntimeDirectory.Failure`; `RunCancelled`.
  public init(in base: String, as account: ServerOwner?, context: HookContext) throws {
    self.account = account
    directory = try RuntimeDirectory(base: base)
    // The account has to get through to its own folder in it; names are all that it could guess.
    if account != nil { try directory.letOthersThrough() }
    var environment = context.environment.withoutServers
    // Clients would find ~/.my.cnf there, and give whoever answers in the throw-away server's place what a line of ~/.pgpass has.
    environment.variables["HOME"] = directory.path
    environment.variables["PGPASSFILE"] = "\(directory.path)/none"
    self.context = HookContext(
      launcher: context.launcher, environment: environment, clock: context.clock,
      cancellation: context.cancellation, runtime: context.runtime, limits: context.limits,
      credentials: context.credentials, ownProgram: context.ownProgram)
    parting = try Self.parting(self.context)
  }

  public var path: String { directory.path }

  /// Whether programs are cut off from all networks.
  public var hasNoNetwork: Bool { parting != nil }

  /// Whether all that a server has started ends with it, however it ends.
  var endsWhole: Bool { parting == .processes }

  private static func account(_ name: String) throws -> ServerOwner {
    guard let (user, group) = UserAccount.numbers(of: name) else {
      throw Unusable(subject: "verify_user", problem: "There is no user '\(Quoting.terminal(name))'")
    }
    guard user != 0 else {
      throw Unusable(subject: "verify_user", problem: "What is restored must not run as root")
    }
    return ServerOwner(user: user, group: group)
  }

  /// What one process may have of memory, and the account of processes and threads: the system's own bounds hold besides.
  ///
  /// - Parameter reserves: Whether it reserves addresses that it never uses: then what it can write to counts (`RLIMIT_DATA`).
  private static func limits(reserves: Bool) -> [String] {
    ["--core=0", "--\(reserves ? "data" : "as")=\(8 << 30)", "--nproc=4096"]
  }

  /// Containers forbid it as a rule, and so do some systems for users other than root.
  private static func parting(_ context: HookContext) throws -> Parting? {
    do {
      return try Parting.allCases.first { parting in
        let command = ChildCommand("unshare", words(parting) + ["true"], environment: environment(context))
        return try context.launcher.run(command, cancellation: context.cancellation).status.isSuccess
      }
    } catch is LaunchError {
      return nil
    }
  }

  /// What `unshare` is told before the program.
  private static func words(_ parting: Parting) -> [String] {
    (geteuid() == 0 ? [] : ["--user", "--map-current-user"]) + parting.arguments + ["--"]
  }

  /// A program of the throw-away server, or of what is asked there by others' words. It ends with this program, however that ends.
  ///
  /// - Parameters:
  ///   - home: A folder that the account owns, for what the program keeps of its own.
  ///   - reserves: Whether the program reserves addresses that it never uses, as those do that run JavaScript.
  func command(
    _ program: String, _ arguments: [String], home: String? = nil, reserves: Bool = false
  ) -> ChildCommand {
    // With processes of its own, the program is unshare's child: unshare has to end with this program, and the child with unshare. As the
    // first of its processes it would not heed a signal that it has no handler for, but for SIGKILL.
    var words = endsWhole ? ["setpriv", "--pdeathsig=KILL", "--"] : []
    words += parting.map { ["unshare"] + Self.words($0) } ?? []
    words += ["setpriv", "--no-new-privs", "--pdeathsig=\(endsWhole ? "KILL" : "QUIT")"]
    if let account {
      words += [
        "--reuid=\(account.user)", "--regid=\(account.group)", "--clear-groups", "--inh-caps=-all",
        "--bounding-set=-all",
      ]
    }
    words += ["--", "prlimit"] + Self.limits(reserves: reserves) + ["--", program] + arguments
    var environment = Self.environment(context)
    environment.variables["HOME"] = home
    return ChildCommand(
      words[0], Array(words.dropFirst()), environment: environment, workingDirectory: home ?? "/")
  }

  /// Makes a folder that the account owns, and nobody else may look into.
  ///
  /// - Throws: `SystemError`.
  func makeFolder(_ name: String) throws -> Folder {
    let name = EntryName(name)
    let folder = try directory.folder.makeFolder(name)
    try account?.own(folder.number, folder.path)
    return folder
  }

  /// - Parameter bytes: What the restore may need.
  /// - Throws: `DrillError.noSpace`; `SystemError`.
  func checkSpace(_ bytes: UInt64, for identity: DumpIdentity) throws {
    let free = try directory.folder.freeBytes()
    guard free >= bytes else { throw DrillError.noSpace(identity, folder: path, needed: bytes, free: free) }
  }

  public func remove() {
    directory.remove()
  }
}

extension UInt64 {
  /// What the restore of a dump may take: its bytes times a factor, and what an empty server has.
  static func room(for bytes: UInt64, times factor: UInt64, and least: UInt64) -> UInt64 {
    let (product, isTooMuch) = bytes.multipliedReportingOverflow(by: factor)
    let (sum, isTooMuchMore) = product.addingReportingOverflow(least)
    return isTooMuch || isTooMuchMore ? .max : sum
  }
}
