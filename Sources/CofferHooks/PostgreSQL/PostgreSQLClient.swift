import CofferSystem

/// The client that fits a server and a dump.
struct PostgreSQLClient {
  /// The connection, with this client in its program's place.
  let connection: PostgreSQLConnection
  /// As the program tells it; nil when it does not.
  let version: String?
  /// What it said in place of its version.
  let complaint: String?

  /// No version that is installed is new enough.
  struct TooOld: Error {
    let newest: Int
  }

  /// Chooses among the program on the PATH and the versions that are installed beside it: of those that are at least
  /// `least`, the one that is closest to `wanted`, rather newer than older. Newer ones can read everything, but write
  /// settings that older servers and programs do not know. A command that is configured is used as it is.
  ///
  /// - Throws: `TooOld`; `LaunchError` when there is none at all.
  init(
    _ program: PostgreSQLConnection.Tool, of connection: PostgreSQLConnection, atLeast least: Int?, wanted: Int?,
    installations: PostgreSQLInstallations, context: HookContext
  ) throws {
    guard connection.override(of: program) == nil, let least, let wanted else {
      self.init(connection, answer: try Self.ask(program, connection, context))
      return
    }
    var candidates = installations.clients(program)
    var usual: CommandResult?
    do {
      usual = try Self.ask(program, connection, context)
    } catch let error as LaunchError where candidates.isEmpty {
      throw error
    } catch is LaunchError {}
    let usualCommand = [program.rawValue]
    if let major = usual.flatMap({ PostgreSQLVersion.major(ofProgram: $0.text) }) {
      candidates.insert(PostgreSQLInstallations.Client(major: major, command: usualCommand), at: 0)
    }
    guard let newest = candidates.map(\.major).max() else {
      // What does not tell its version like PostgreSQL's programs do is somebody's own; it has to know.
      self.init(connection, answer: usual)
      return
    }
    let fitting = candidates.filter { $0.major >= least }
    guard let best = fitting.min(by: { Self.distance($0.major, wanted) < Self.distance($1.major, wanted) }) else {
      throw TooOld(newest: newest)
    }
    if best.command == usualCommand {
      self.init(connection, answer: usual)
    } else {
      let chosen = connection.using(best.command, for: program)
      self.init(chosen, answer: try Self.ask(program, chosen, context))
    }
  }

  private init(_ connection: PostgreSQLConnection, answer: CommandResult?) {
    self.connection = connection
    version = answer?.status.isSuccess == true ? answer?.text.lines().first : nil
    complaint = answer?.errorLines.last
  }

  var major: Int? { version.flatMap(PostgreSQLVersion.major(ofProgram:)) }

  /// Older than wanted counts as further away than any newer one.
  private static func distance(_ major: Int, _ wanted: Int) -> Int {
    major >= wanted ? major - wanted : 1000 + wanted - major
  }

  private static func ask(
    _ program: PostgreSQLConnection.Tool, _ connection: PostgreSQLConnection, _ context: HookContext
  ) throws -> CommandResult {
    try context.versions.answer(to: connection.versionCommand(program, context: context), context)
  }
}
