import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Command lines of MariaDB's and MySQL's clients")
struct MariaDBCommandTests {
  private let programs: Programs
  private let context: HookContext

  init() throws {
    programs = try Programs()
    context = try makeContext()
  }

  /// Programs that write down how they were called, and a configuration that uses them.
  ///
  /// - Parameter entry: Further lines of the entry.
  private func dump(
    _ dialect: MariaDBDialect = .mariadb, name: String = "users", version: String = "10.11-MariaDB", _ entry: String...
  ) throws -> (command: String, environment: String, file: String) {
    let note = """
      case "$*" in *--version*) echo 'x Ver 1 \(version)'; exit;; esac
      case "$*" in *show?schemas*) printf 'information_schema\\nmysql\\nb\\na b\\nsys\\n'; exit;; esac
      case "$*" in *--execute*) exit 1;; esac
      printf '%s|' "$@" >\(programs.path)/arguments
      env >\(programs.path)/environment
      case "$1" in --defaults-extra-file=*) cat "${1#*=}" >\(programs.path)/file;; *) : >\(programs.path)/file;; esac
      echo '-- Dump completed on today'
      """
    let program = try programs.make(note)
    let lines = [
      "name: \(name)", "\(dialect.dumpCommand.name): \(program)", "\(dialect.clientCommand.name): \(program)",
    ]
    let text = (lines + entry).enumerated().map { ($0 == 0 ? "  - " : "    ") + $1 }.joined(separator: "\n")
    let hook = MariaDBHook(dialect)
    let root = try makeRoot("\(hook.name):\n\(text)\n")
    _ = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    func read(_ name: String) throws -> String {
      try String(contentsOfFile: "\(programs.path)/\(name)", encoding: .utf8)
    }
    return (try read("arguments"), try read("environment"), try read("file"))
  }

  private static let common =
    "--skip-compact|--comments|--set-charset|--default-character-set=utf8mb4|--quote-names|--create-options|--tz-utc|"
    + "--single-transaction|--max-allowed-packet=1G|"
  private static let switches = "--add-drop-database|--events|--routines|--all-tablespaces|"

  @Test("Without anything but a name, a client finds its own way to the server")
  func plain() throws {
    let (command, environment, _) = try dump()
    #expect(command == Self.common + Self.switches + "--databases|--|users|")
    #expect(!environment.contains("MYSQL_PWD"))
  }

  @Test("Host, port, socket, encryption and switches become arguments, and options come first")
  func arguments() throws {
    let first = try dump(
      .mariadb, "hostname: db.example.org", "port: 3307", "tls: false", "options: --quick --hex-blob", "events: false",
      "routines: false", "tablespaces: false", "add_drop_database: false")
    #expect(
      first.command == "--quick|--hex-blob|--host|db.example.org|--port|3307|--protocol|tcp|--skip-ssl|" + Self.common
        + "--databases|--|users|")
    let second = try dump(.mariadb, "socket_path: /run/s.sock", "tls: true")
    #expect(second.command.hasPrefix("--socket|/run/s.sock|--ssl|" + Self.common))
    let third = try dump(.mariadb, "port: 3306")
    #expect(third.command.hasPrefix("--port|3306|--protocol|tcp|"))
  }

  @Test(
    "No restore replaces whole databases with a dump that lacks tables of them by its options",
    arguments: [
      ("--ignore-table=users.a", true), ("--ignore_table Users.a", true), ("--ignore-views", true),
      ("--no-create-info", true), ("-ntd", true), ("--no-create-info=0", false), ("-ptest", false),
      ("--loose-ignore-t=users.a", true), ("--no-create-i", true), ("--NO_CREATE_INFO", true),
      ("--no-create-info --skip-no-create-info", false), ("--loose-skip-no-create-info", false),
      ("--skip-no-create-info=0", true), ("--skip-no-create-info=1", false),
      ("--ignore-table=other.users.a", false), ("--ignore-table-data=users.a", false), ("--quick users.a", false),
    ])
  func parts(options: String, isPart: Bool) throws {
    let switches = isPart ? String(Self.switches.trimmingPrefix("--add-drop-database|")) : Self.switches
    let command = try dump(.mariadb, "options: \(options)").command
    #expect(command.hasSuffix("|" + Self.common + switches + "--databases|--|users|"), "\(command)")
  }

  @Test("Nor with one that lacks them by what is written behind the name of a script")
  func partsByScript() throws {
    let root = try makeRoot(
      "mariadb_databases:\n  - {name: users, mariadb_dump_command: 'ssh db own.sh --ignore-table=users.a'}\n")
    let server = ServerEntry.all(in: root, of: MariaDBHook(.mariadb))[0]
    let entry = MariaDBEntry(
      server.section, .mariadb, server.identity, try server.address(context: context), for: .dump)
    #expect(entry.leavesPart(of: "users") && !entry.leavesPart(of: "others"))
  }

  @Test("MySQL's own clients are told about encryption in their words, MariaDB's in theirs")
  func tls() throws {
    #expect(try dump(.mysql, version: "8.0.36 for Linux", "tls: false").command.hasPrefix("--ssl-mode=DISABLED|"))
    #expect(try dump(.mysql, version: "8.0.36 for Linux", "tls: true").command.hasPrefix("--ssl-mode=REQUIRED|"))
    #expect(try dump(.mysql, version: "10.11-MariaDB", "tls: false").command.hasPrefix("--skip-ssl|"))
  }

  @Test("All databases are named; MariaDB's accounts are asked for by the name mysql, which MySQL leaves out")
  func all() throws {
    let system = Self.common + Self.switches + "--system=users,udfs,servers|"
    #expect(try dump(name: "all").command == system + "--databases|--|b|a b|")
    #expect(try dump(name: "mysql").command == system + "--databases|--|")
    #expect(try dump(.mysql, name: "all").command == Self.common + Self.switches + "--databases|--|b|a b|")
  }

  @Test("User and password come through a pipe that is named first, and a file of the user's own is included")
  func pipe() throws {
    let (command, environment, file) = try dump(
      .mariadb, "username: 'o\"b#'", "password: 'a\\b\"c #;''é'", "options: --quick --defaults-extra-file=/etc/my.cnf")
    #expect(command.hasPrefix("--defaults-extra-file=/dev/fd/3|--quick|" + Self.common))
    #expect(file == "!include /etc/my.cnf\n[client]\nuser=\"o\\\"b#\"\npassword=\"a\\\\b\\\"c #;'é\"\n")
    #expect(!command.contains("#") && !environment.contains("é"))
  }

  @Test("Password and user go through environment and arguments where the configuration wants it")
  func environment() throws {
    let (command, environment, file) = try dump(
      .mysql, "username: me", "password: hidden", "password_transport: environment", "hostname: h")
    #expect(command.hasPrefix("--host|h|--protocol|tcp|--user|me|" + Self.common))
    #expect(environment.contains("MYSQL_PWD=hidden\n"))
    #expect(file.isEmpty)
  }

  @Test("A password with a line break is refused, as no option file can hold it")
  func lineBreak() throws {
    let error = #expect(throws: DumpError.self) { try dump(.mariadb, "password: \"a\\nb\"") }
    #expect(error?.diagnosis.suggestion?.contains("password_transport: environment") == true)
  }

  @Test("A restore has its own socket and encryption, and --force is taken out of its options")
  func restoring() throws {
    let client = try programs.make(
      """
      case "$*" in *--version*) echo 'x Ver 1 MariaDB'; exit;; esac
      printf '%s|' "$@" >>\(programs.path)/all
      case "$*" in
        *SHOW?DATABASES*) echo users;; *CURRENT_USER*) echo me@h;;
        *SHOW?GRANTS*) echo 'GRANT ALL PRIVILEGES ON *.* TO `me`@`h`';;
      esac
      """)
    let root = try makeRoot(
      """
      mariadb_databases:
        - {name: users, mariadb_command: \(client), mariadb_dump_command: \(client), socket_path: /a, tls: true,
           restore_socket_path: /b, restore_tls: false, restore_options: --force --quick}

      """)
    let facts = DumpFacts(
      identity: DumpIdentity(hook: "mariadb_databases", database: "users"), format: "sql")
    let plan = try MariaDBHook(.mariadb).restore(of: facts, to: RestoreTarget(), root: root, context: context)
    #expect(plan.summary.contains("replaced"))
    let all = try String(contentsOfFile: "\(programs.path)/all", encoding: .utf8)
    #expect(all.hasPrefix("--quick|--socket|/b|--skip-ssl|--batch|"))
    #expect(!all.contains("--force"))
  }

  @Test(
    "A server that keeps the letters of names but compares them without finds what is there",
    arguments: [("Shop", "Shop", "replaced"), ("sHOP", "Shop", "replaced"), ("Crm", "Crm", "missing")])
  func keptCase(name: String, target: String, end: String) throws {
    let client = try programs.make(
      """
      case "$*" in
        *--version*) echo 'x Ver 1 MariaDB';;
        *SHOW?DATABASES*) echo Shop;;
        *UNION?ALL*) printf '\(name)\\t\(name.lowercased())\\nShop\\tshop\\n';;
        *SHOW?VARIABLES*) printf 'version\\t10.11-MariaDB\\nlower_case_table_names\\t2\\n';;
        *CURRENT_USER*) echo me@h;;
        *SHOW?GRANTS*) echo 'GRANT ALL PRIVILEGES ON *.* TO `me`@`h`';;
      esac
      """)
    let root = try makeRoot(
      "mariadb_databases:\n  - {name: \(name), mariadb_command: \(client), mariadb_dump_command: \(client)}\n")
    let facts = DumpFacts(identity: DumpIdentity(hook: "mariadb_databases", database: name), format: "sql")
    let plan = try MariaDBHook(.mariadb).restore(of: facts, to: RestoreTarget(), root: root, context: context)
    #expect(plan.summary.contains("-> '\(target)'") && plan.summary.contains(end), "\(plan.summary)")
  }

  @Test(
    "A program is asked once in a run what option files say, without a password, and nothing of one that they hold is told",
    arguments: [0, 1])
  func optionFiles(status: Int) throws {
    let program = try programs.make(
      """
      case "$*" in
      *--print-defaults*)
        printf '%s|' "$@" >>\(programs.path)/asked
        echo 'x would have been started with the following arguments:'
        echo '--user=u --password=a --where=secret --ignore-table-data=b.secret'
        exit \(status);;
      *--version*) echo 'x Ver 1 10.11-MariaDB'; exit;;
      *--execute*) exit 1;;
      esac
      echo '-- Dump completed on today'
      """)
    let root = try makeRoot(
      """
      mariadb_databases:
        - name: users
          username: u
          password: hidden --no-data
          mariadb_dump_command: \(program)
          mariadb_command: \(program)
      """)
    for _ in 1...2 {
      let plan = try #require(MariaDBHook(.mariadb).dumps(of: root, context: context).first)
      let dump = try TakenDump(plan, context: context)
      let told = dump.warnings.filter { $0.contains("which stands in an option file") }
      #expect(told.map { $0.prefix(9) } == (status == 0 ? ["'--where'", "'--ignore"] : []))
      #expect(!(dump.warnings + dump.facts.details.values).contains { $0.contains("secret") })
      #expect(dump.facts.details["without_rows"] == (status == 0 ? "--where" : nil))
    }
    #expect(try String(contentsOfFile: "\(programs.path)/asked", encoding: .utf8) == "--print-defaults|")
  }

  /// The dump by a program that writes a text, ends as dump programs do, and answers nothing else.
  private func plan(writing text: String) throws -> any PlannedDump {
    let program = try programs.make(
      """
      case "$*" in
      *--version*) echo 'x Ver 1 10.11-MariaDB'; exit;;
      *--print-defaults*|*--execute*) exit 1;;
      esac
      cat <<'EOF'
      \(text)
      -- Dump completed on today
      EOF
      """)
    let root = try makeRoot(
      """
      mariadb_databases:
        - name: shop
          mariadb_dump_command: \(program)
          mariadb_command: \(program)
      """)
    return try #require(MariaDBHook(.mariadb).dumps(of: root, context: context).first)
  }

  @Test(
    "A dump whose program lost its connection before the views, and said nothing, is not whole",
    arguments: [true, false])
  func viewsLost(hasViews: Bool) throws {
    func view(_ name: String) -> String {
      "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */\n"
        + "/*!50001 VIEW `\(name)` AS select `t`.`a` AS `a` from `t` */;"
    }
    let plan = try plan(
      writing: """
        USE `shop`;
        CREATE TABLE `t` (
          `a` int(11)
        );
        DROP TABLE IF EXISTS `v`;
        /*!50001 CREATE VIEW `v` AS SELECT
         1 AS `a` */;
        DROP TABLE IF EXISTS `w`;
        /*!50001 DROP VIEW IF EXISTS `w`*/;
        /*!50001 CREATE TABLE `w` (
          `a` tinyint NOT NULL
        ) ENGINE=MyISAM */;
        \(hasViews ? view("v") + "\n" + view("w") : "")
        """)
    if hasViews {
      _ = try TakenDump(plan, context: context)
    } else {
      let error = #expect(throws: DumpError.self) { try TakenDump(plan, context: context) }
      #expect(error?.diagnosis.problem.contains("the views `shop`.`v`, `shop`.`w`") == true)
    }
  }

  @Test(
    "What a command says before its dump fails it, for no restore takes that; odd statements within are told",
    arguments: [true, false])
  func greeting(isFirst: Bool) throws {
    let greeting = "Welcome to this host!\nUSE `shop`;"
    let plan = try plan(writing: isFirst ? greeting : "USE `shop`;\n" + greeting)
    if isFirst {
      let error = #expect(throws: DumpError.self) { try TakenDump(plan, context: context) }
      #expect(error?.diagnosis.problem.contains("is no part of a dump: 'Welcome to this host!") == true)
    } else {
      let warnings = try TakenDump(plan, context: context).warnings
      #expect(warnings.contains { $0.contains("holds 'Welcome to this host!") && $0.contains("by hand") })
    }
  }
}
