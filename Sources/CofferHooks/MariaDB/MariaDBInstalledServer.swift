import CofferSystem

/// The server of this machine that can restore a dump: MariaDB's for a dump of MariaDB, and MySQL's own for one of MySQL,
/// neither of which takes all that the other writes.
struct MariaDBInstalledServer {
  private let isMySQL: Bool
  let program: String
  /// For example `11.4.3`.
  let version: String
  /// For example `MariaDB 11.4.3`.
  let title: String

  /// - Throws: `DrillError.impossible` when there is none, or the dump is of a newer one.
  init(for facts: DumpFacts, _ ground: DrillGround) throws {
    isMySQL = facts.serverVersion.map { !$0.holds("MariaDB") } ?? false
    let system = isMySQL ? "MySQL" : "MariaDB"
    let name = isMySQL ? "mysqld" : "mariadbd"
    var found: (program: String, version: String)?
    for program in ground.programs(named: name) where found == nil {
      let told = try ground.context.launcher.run(
        ground.command(program, ["--no-defaults", "--version"]), cancellation: ground.context.cancellation)
      // MariaDB's is installed under MySQL's name, too.
      guard told.text.holds("MariaDB") != isMySQL, let version = Self.version(in: told.text) else { continue }
      found = (program, version)
    }
    guard let found else {
      throw DrillError.impossible(
        facts.identity, problem: "no server of \(system) is installed on this machine",
        suggestion: isMySQL
          ? "Install the package of MySQL's server; it need not run"
          : "On Debian: apt-get install mariadb-server; it need not run")
    }
    (program, version) = found
    title = "\(system) \(version)"
    guard let wanted = facts.serverVersion.map({ $0.after(beginning: "5.5.5-") ?? $0 }),
      ServerRelease(version) < ServerRelease(wanted)
    else { return }
    throw DrillError.older(facts.identity, installed: version, than: wanted)
  }

  /// `mysqld  Ver 8.0.36 for Linux on ...`, `mariadbd  Ver 11.4.3-MariaDB-1 for ...`.
  private static func version(in text: String) -> String? {
    let words = text.words
    guard let place = words.firstIndex(where: { $0.isSame(as: "Ver") }), place + 1 < words.count else { return nil }
    return words[place + 1].parts(by: "-")[0]
  }

  /// Whether it knows the statements and options of MySQL 8.0.26 for replicas.
  var knowsReplicas: Bool {
    !version.parts(by: ".").map { Int($0) ?? 0 }.lexicographicallyPrecedes([8, 0, 26])
  }

  /// Whose temporary files are in a folder of their own: a server that starts removes those that it finds, and in /tmp are also
  /// others' servers'.
  static func places(_ data: String, temporary folder: String) -> [String] {
    ["--no-defaults", "--datadir=\(data)", "--tmpdir=\(folder)"]
  }

  /// What makes the data folder.
  var maker: String { isMySQL ? program : "mariadb-install-db" }

  func makingArguments(_ data: String, temporary folder: String) -> [String] {
    Self.places(data, temporary: folder)
      + (isMySQL ? ["--initialize-insecure"] : ["--auth-root-authentication-method=normal", "--skip-test-db"])
  }

  /// No network, nothing that is kept when the machine stops, nothing that runs by itself.
  var arguments: [String] {
    [
      "--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--skip-log-bin",
      "--local-infile=0", "--event-scheduler=OFF", "--max-allowed-packet=1G",
    ] + (isMySQL ? ["--skip-mysqlx"] : [])
  }
}
