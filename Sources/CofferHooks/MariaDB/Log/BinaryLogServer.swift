import CofferConfiguration
import CofferSystem

/// A MariaDB or MySQL server whose binary log is received: what it says of it, and what receives it.
public struct BinaryLogServer: Sendable {
  /// As messages name the server.
  public let place: String
  /// The system, as objects of logs name it: `mariadb` or `mysql`.
  public let system: String
  let connection: MariaDBConnection
  private let options: [String]
  /// By which the server knows who receives.
  private let serverID: UInt32

  /// What a server says of its binary log.
  public struct Facts: Sendable {
    /// What tells the server apart from others: MySQL's server_uuid; nil where there is nothing of the kind.
    public let identity: String?
    /// Oldest first; at least one.
    public let files: [File]
    /// What would better be set otherwise.
    public let remarks: [Diagnosis]
  }

  public struct File: Sendable, Equatable {
    public let name: BinaryLogFileName
    /// Bytes, which is where the next event will begin.
    public let size: UInt64

    public init(name: BinaryLogFileName, size: UInt64) {
      self.name = name
      self.size = size
    }
  }

  /// - Parameters:
  ///   - entry: Of `mariadb_servers` or of `mysql_servers`.
  ///   - host: That stores the log.
  /// - Throws: `CredentialError`; `ContainerError`.
  public init(_ entry: ConfigurationSection, _ dialect: MariaDBDialect, host: String, context: HookContext) throws {
    let server = ServerEntry(entry, of: MariaDBServerHook(dialect), name: entry[MariaDBServerOptions.name])
    connection = MariaDBConnection(entry, dialect, to: try server.address(context: context), for: .dump)
    place = connection.place
    system = dialect.system
    options = entry[ServerOptions.listOptions].words
    serverID =
      entry[MariaDBServerOptions.serverID].map { UInt32(clamping: $0) }
      ?? Self.number(of: "\(host)/\(entry[MariaDBServerOptions.name])")
  }

  /// A number that nobody else is likely to have: those that people give are small.
  private static func number(of name: String) -> UInt32 {
    var sum = CRC32()
    Array(name.utf8).withUnsafeBytes { sum.update($0) }
    return sum.value | 1 << 31
  }

  // MARK: - Asking

  /// Seconds that an answer may take.
  private static let patience: Double = 60
  private static let filesLimit = 1_000_000

  /// Asks the server what it has.
  ///
  /// - Throws: `BinaryLogError`; `LaunchError`; `RunCancelled`.
  public func ask(_ context: HookContext) throws -> Facts {
    let names =
      ["log_bin", "server_uuid", "binlog_format", "binlog_checksum", "version"] + ReplicaLogging.variables
    let list = names.map(Quoting.mariadbLiteral).joined(separator: ", ")
    let rows = try query("SHOW VARIABLES WHERE Variable_name IN (\(list))", context)
    let values = Dictionary(
      rows.filter { $0.count == 2 }.map { (ExactName($0[0].asciiLowercased), $0[1]) },
      uniquingKeysWith: { first, _ in first })
    guard let log = values[ExactName("log_bin")] else { throw unexpected("its variables") }
    guard ["ON", "1"].contains(where: { log.isSame(as: $0) }) else { throw BinaryLogError.off(place: place) }
    // MySQL has a third column.
    let files = try query("SHOW BINARY LOGS", context).map { row in
      guard row.count >= 2, let name = BinaryLogFileName(row[0]), let size = UInt64(row[1]) else {
        throw unexpected("SHOW BINARY LOGS")
      }
      return File(name: name, size: size)
    }
    guard let last = files.last, files.count <= Self.filesLimit, files.allSatisfy({ $0.name.isBeside(last.name) }),
      zip(files, files.dropFirst()).allSatisfy({ $0.name.number < $1.name.number })
    else { throw unexpected("SHOW BINARY LOGS") }
    return Facts(
      identity: try identity(values[ExactName("server_uuid")]), files: files,
      remarks: remarks(format: values[ExactName("binlog_format")], checksum: values[ExactName("binlog_checksum")])
        + (try lacksReplicated(values, context)
          ? [Diagnosis(subject: place, problem: ReplicaLogging.problem, suggestion: ReplicaLogging.suggestion)] : []))
  }

  private func lacksReplicated(_ values: [ExactName: String], _ context: HookContext) throws -> Bool {
    guard ReplicaLogging.mayLack({ values[ExactName($0)] }) else { return false }
    return try ReplicaLogging.isReplica(version: values[ExactName("version")] ?? "") { try answer(to: $0, context) }
  }

  private func remarks(format: String?, checksum: String?) -> [Diagnosis] {
    var remarks: [Diagnosis] = []
    if format?.asciiLowercased.isSame(as: "statement") == true {
      remarks.append(
        Diagnosis(
          subject: place,
          problem:
            "binlog_format is STATEMENT: statements whose outcome is not certain may do something else when they are replayed",
          suggestion: "Set binlog_format = ROW on the server"))
    }
    if checksum?.isSame(as: "NONE") == true {
      remarks.append(
        Diagnosis(
          subject: place, problem: "binlog_checksum is NONE: damage to the binary log is not seen",
          suggestion: "Set binlog_checksum = CRC32 on the server"))
    }
    return remarks
  }

  /// Checks what receiving takes besides asking: the program, and the right.
  ///
  /// - Throws: `BinaryLogError`; `LaunchError`; `RunCancelled`.
  public func checkReceiving(_ context: HookContext) throws {
    _ = try context.launcher.run(
      connection.versionCommand(.binlog, context: context), cancellation: context.cancellation)
    let grants = MariaDBGrants(try query("SHOW GRANTS", context).compactMap(\.first))
    guard grants.hasEverywhere("REPLICATION SLAVE") else {
      throw BinaryLogError.failed(
        place: place, program: program, lines: ["the user has not the REPLICATION SLAVE privilege"])
    }
  }

  private func identity(_ uuid: String?) throws(BinaryLogError) -> String? {
    guard system.isSame(as: MariaDBDialect.mysql.system) else { return nil }
    // As places of dumps have it.
    guard let server = uuid.flatMap(MySQLGTID.server(_:)) else { throw unexpected("server_uuid") }
    return server
  }

  private func query(_ sql: String, _ context: HookContext) throws -> [[String]] {
    let answer = try answer(to: sql, context)
    guard answer.status.isSuccess else {
      throw BinaryLogError.failed(
        place: place, program: connection.program(.client),
        lines: MariaDBFailure.lines(answer.errorLines, place: place))
    }
    return answer.rows
  }

  private func answer(to sql: String, _ context: HookContext) throws -> MariaDBAnswer {
    do {
      return try connection.query(
        sql, options: options, limit: 64 << 20, seconds: Self.patience, context: context)
    } catch let error as CommandTimedOut {
      throw BinaryLogError.lost(place: place, "it does not answer for \(Int(error.seconds)) seconds")
    } catch is MariaDBCredentials.Unquotable {
      throw BinaryLogError.failed(
        place: place, program: connection.program(.client), lines: ["the username or the password holds a line break"])
    }
  }

  private func unexpected(_ text: String) -> BinaryLogError { .unexpected(place: place, text) }

  // MARK: - Receiving

  /// The last place that a server can be asked to begin at: it is told in 32 bits.
  public static let lastStart = UInt64(UInt32.max)

  /// Starts what receives: it writes a file for each file of the log.
  ///
  /// - Parameter prefix: What the paths of these files begin with, in front of the names that the server gives.
  func launch(
    from file: BinaryLogFileName, _ position: UInt64, into prefix: String, _ context: HookContext
  ) throws -> ChildProcess {
    let number = connection.isMySQL(.binlog, context) ? "--connection-server-id" : "--stop-never-slave-server-id"
    let arguments = [
      "--read-from-remote-server", "--raw", "--stop-never", "\(number)=\(serverID)", "--start-position=\(position)",
      "--result-file=\(prefix)", "--", file.text,
    ]
    let own = options.filter(MariaDBSnapshot.isAboutConnection)
    return try connection.withCommand(.binlog, own, arguments, context: context) { command in
      try context.launcher.launch(command)
    }
  }

  var program: String { connection.program(.binlog) }
}
