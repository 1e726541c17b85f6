import CofferConfiguration
import CofferHooks
import CofferMonitoring
import CofferStorage
import CofferSystem

/// The repositories that one call of an action acts on.
enum RepositoryUse {
  /// None: it is called once for a configuration file, and no hooks are run around it.
  case none
  /// One that the user must have chosen.
  case one
  /// It is called for each.
  case each
  /// It is called once for all, so that what they have in common is done once; but for each when commands are to be run
  /// between them.
  case together
}

/// The configured databases that an action reads the options of.
enum DatabaseUse {
  case none, all
  /// Of servers those that it is asked for.
  case chosen
  /// Of servers those whose dumps it restores, to another place than their own.
  case drilled
}

/// What an action is called, takes, and does.
struct ActionDeclaration: Sendable {
  let names: [String]
  let abstract: String
  let discussion: String
  private let ownFlags: [FlagDeclaration]
  /// Flags of its own whose values may also be written without the flag, behind the action and in this order.
  let operands: [FlagDeclaration]
  let examples: [String]
  private let ownOptions: [OptionSchema]
  private let ownPartlyRead: [OptionSchema]
  private let databases: DatabaseUse
  /// Whether monitoring services are told of its runs.
  let isMonitored: Bool
  /// The stores, database systems and monitoring services whose options it reads, if it reads those of any.
  var stores = StoreRegistry.standard
  var hooks = HookRegistry.standard
  var services = MonitoringRegistry.standard
  /// Whether the action needs a configuration file.
  let needsConfiguration: Bool
  /// Whether it acts, where there is no configuration file, on the repository at the path that `--repository` gives.
  let canDoWithoutConfiguration: Bool
  let repositories: RepositoryUse
  let run: @Sendable (ActionContext) throws -> Void

  init(
    _ names: String..., abstract: String, discussion: String = "", flags: [any CommandFlag] = [],
    operands: [any CommandFlag] = [], examples: [String] = [],
    options: [OptionSchema] = [], partly: [OptionSchema] = [], databases: DatabaseUse = .none,
    isMonitored: Bool = false,
    needsConfiguration: Bool = true, canDoWithoutConfiguration: Bool = false, repositories: RepositoryUse = .each,
    run: @escaping @Sendable (ActionContext) throws -> Void
  ) {
    self.names = names
    self.abstract = abstract
    self.discussion = discussion
    self.operands = operands.map(\.declaration)
    ownFlags = (operands + flags).map(\.declaration)
    self.examples = examples
    ownOptions = options
    ownPartlyRead = partly
    self.databases = databases
    self.isMonitored = isMonitored
    self.needsConfiguration = needsConfiguration
    self.canDoWithoutConfiguration = canDoWithoutConfiguration
    self.repositories = repositories
    self.run = run
  }

  var name: String { names[0] }

  /// Whether its runs are the ones that make archives.
  var makesBackups: Bool { family.isSame(as: "create") }

  /// What the configuration calls it: `key` for all that is done with keys.
  var family: String { name.parts(by: " ")[0] }

  /// Its own, and for an action that restores what its database systems let be chosen.
  var flags: [FlagDeclaration] { ownFlags + (databases == .chosen ? hooks.choices.map(\.declaration) : []) }

  /// The options of the configuration that it reads, besides `sharedOptions`.
  var options: [OptionSchema] {
    let listed: [OptionSchema] =
      switch databases {
      case .none, .drilled: []
      case .all: [hooks.servers, hooks.files]
      case .chosen: [hooks.files]
      }
    let places = needsConfiguration && !stores.schema.options.isEmpty ? [stores.schema] : []
    return ownOptions + places + listed + (isMonitored ? [services.schema] : [])
  }

  /// Whether it reads databases' options for what is backed up, and an entry of them is not.
  func passesOver(_ entry: ConfigurationSection, of option: String) -> Bool {
    databases == .all && hooks.hooks.contains { $0.name.isSame(as: option) && !$0.isBackedUp(entry) }
  }

  /// Those of which it reads only the parts it is asked for, so that variables in the other parts may be unset.
  var partlyReadOptions: [OptionSchema] {
    ownPartlyRead + (databases == .chosen || databases == .drilled ? [hooks.servers] : [])
  }

  /// Everything that it reads.
  var readOptions: [OptionSchema] { options + partlyReadOptions + Self.sharedOptions }

  /// What is read for every action that needs a configuration.
  static let sharedOptions = [
    GeneralOptions.access, RemoteOptions.schema, CommandOptions.around, RunOptions.schema, OutputOptions.schema,
    CredentialOptions.schema,
  ]
}

/// Flags that more than one action takes.
enum SharedFlags {
  static let repository = Flag<String?>(
    "--repository", value: "PATH", help: "Act on this repository only: its path or label as configured.")
  static let json = Flag<Bool>("--json", help: "Print the outcome as JSON and nothing else.")
  static let jsonLines = Flag<Bool>(
    "--json-lines", help: "Print an object of JSON for each item, on a line of its own, as soon as it is known.")
  static let archive = Flag<String>(
    "--archive", required: "NAME", help: "The archive's name, its id or the beginning of that, or 'latest'.")
  static let at = Flag<Moment?>(
    "--at", value: "TIME", .moment, standsFor: "--archive",
    help: "In place of --archive: the newest archive that was begun at this time or earlier; like 2026-01-31, which is "
      + "that day's end, or '2026-01-31 03:00', here, or with a Z behind it in UTC.")
  static let matchArchives = Flag<String?>(
    "--match-archives", "--glob-archives", "-a", value: "PATTERN",
    help: "See only archives with such names; '*' for all, 're:' before a regular expression. Default: match_archives, "
      + "or the names that archive_name_format gives.")
  static let prefix = Flag<String?>(
    "--prefix", "-P", value: "TEXT", help: "See only archives whose names begin like this.")
  static let force = Flag<Bool>("--force", help: "Run although skip_actions or a check's frequency says otherwise.")
  static let progress = Flag<Bool>("--progress", help: "Show progress even when the output is no terminal.")
}

/// The flags that belong to no action.
enum GlobalFlags {
  static let config = Flag<[String]>(
    "--config", "-c", value: "PATH",
    help: "A configuration file, or a folder of them; may be given several times.")
  static let dryRun = Flag<Bool>("--dry-run", "-n", help: "Say what would be done, and change nothing.")
  static let verbosity = Flag<Verbosity?>(
    "--verbosity", "-v", value: "N",
    FlagParser("a number from -2 to 2") { Int($0).flatMap(Verbosity.init) },
    help: "-2 silent, -1 errors, 0 warnings and answers (default), 1 steps, 2 details.")
  static let logJSON = Flag<Bool>(
    "--log-json", help: "Say what is said to standard error as JSON, an object a line.")
  static let noColor = Flag<Bool>("--no-color", help: "Print no colours; so does NO_COLOR in the environment.")
  static let override = Flag<[String]>(
    "--override", value: "OPTION=VALUE", isSecret: true,
    help: "Put a value in place of an option's; with dots for options of sections. The option's own flag does the same."
  )
  static let noInterpolation = Flag<Bool>(
    "--no-environment-interpolation", help: "Leave ${NAME} in the configuration as it stands.")
  static let timings = Flag<Bool>(
    "--timings",
    help: "At the end, say where the run's time went: the seconds of each stage, of all threads together, and what was "
      + "asked of each repository's place.")
  static let help = Flag<Bool>("--help", "-h", help: "Show this help, or with an action that action's.")
  static let version = Flag<Bool>("--version", "-V", help: "Show the version.")

  static let bashCompletion = Flag<Bool>(
    "--bash-completion", help: "Print what makes bash complete command lines; as 'coffer completion bash'.")
  static let fishCompletion = Flag<Bool>(
    "--fish-completion", help: "Print what makes fish complete command lines; as 'coffer completion fish'.")

  static let all: [FlagDeclaration] = {
    let flags: [any CommandFlag] = [
      config, dryRun, verbosity, logJSON, noColor, override, noInterpolation, timings, bashCompletion, fishCompletion,
      help, version,
    ]
    return flags.map(\.declaration)
  }()
}
