import CofferSystem
import Testing

@testable import CofferHooks

@Suite("What client programs say when they fail")
struct ClientFailureTests {
  @Test(
    "Every cause that is known has its advice",
    arguments: [
      ("FATAL:  password authentication failed for user \"x\"", "username and password"),
      ("could not connect: Connection refused", "server runs"),
      ("FATAL:  database \"x\" does not exist", "Correct the name"),
      ("FATAL:  database \"x\" is not currently accepting connections", "ALLOW_CONNECTIONS"),
      ("FATAL:  role \"x\" is not permitted to log in", "ALTER ROLE ... LOGIN"),
      ("FATAL:  too many connections for role \"x\"", "CONNECTION LIMIT"),
      ("FATAL:  no pg_hba.conf entry for host \"h\", user \"x\", database \"d\", no encryption", "pg_hba.conf"),
      ("ERROR:  role \"joe\" does not exist", "no_owner"),
      ("ERROR:  permission denied for table secrets", "pg_read_all_data"),
      ("ERROR:  permission denied to alter role", "superuser"),
      ("ERROR:  permission denied for large object 7001", "--no-blobs"),
      ("pg_restore: error: unsupported version (1.16) in file header", "pg_restore_command"),
      ("ERROR:  unrecognized configuration parameter \"transaction_timeout\"", "newer than the server"),
      ("shell command argument contains a newline or carriage return: \"dbname='a / b'\"", "format: custom"),
      ("pg_dump: detail: server version: 16.3 (Debian 16.3-1); pg_dump version: 15.18", nil),
      ("Failed: can't create session: auth error: sasl conversation error: Authentication failed.", "authentication_"),
      ("Failed: not authorized on users to execute command { listCollections: 1 }", "'backup'"),
      ("Failed: error connecting to host: server selection error: server selection timeout", "server runs"),
      ("something else", nil),
    ])
  func causes(line: String, advice: String?) {
    let hook: any DatabaseHook = line.hasPrefix("Failed: ") ? MongoDBHook() : PostgreSQLHook()
    let suggestion = hook.advice.suggestion(["first line", line])
    #expect(advice == nil ? suggestion == nil : suggestion?.contains(advice ?? "") == true)
  }

  @Test("A server that is newer than pg_dump is told with the package and the program to set")
  func mismatch() {
    let lines = [
      "pg_dump: error: aborting because of server version mismatch",
      "pg_dump: detail: server version: 16.3 (Debian 16.3-1.pgdg120+1); pg_dump version: 15.18",
    ]
    let suggestion = PostgreSQLHook().advice.suggestion(lines)
    #expect(suggestion?.contains("postgresql-client-16") == true)
    #expect(suggestion?.contains("/usr/lib/postgresql/16/bin/pg_dump") == true)
  }

  @Test(
    "A program that is missing is told with the package of its system",
    arguments: [
      (PostgreSQLHook() as any DatabaseHook, "{name: a}", "apt-get install postgresql-client"),
      (MariaDBHook(.mariadb), "{name: a, mariadb_dump_command: /no/mariadb-dump}", "apt-get install mariadb-client"),
      (MariaDBHook(.mysql), "{name: a}", "apt-get install default-mysql-client"),
      (MongoDBHook(), "{name: a}", "Install mongodb-database-tools"),
      (SQLiteHook(), "{name: a, path: /nowhere/a.db, sqlite_command: sqlite3}", "apt-get install sqlite3"),
    ])
  func packages(hook: any DatabaseHook, entry: String, advice: String) throws {
    let context = try makeContext(path: "/nowhere")
    let error = #expect(throws: LaunchError.self) {
      let dumps = try hook.dumps(of: try makeRoot("\(hook.name): [\(entry)]\n"), context: context)
      for dump in dumps { _ = try dump.start(context: context) }
    }
    #expect(error?.diagnosis.suggestion?.contains(advice) == true, "\(String(describing: error))")
  }

  @Test("Temporary names fit into PostgreSQL's 63 bytes and differ for every database")
  func temporaryNames() {
    // Whatever the databases are called: the names are numbered.
    let names = [0, 1, Int.max].map { PostgreSQLRunningClusterRestore.temporaryName($0, "ffffffffffffffff_old") }
    #expect(Set(names).count == 3)
    #expect(names.allSatisfy { $0.utf8.count <= 63 })
  }
}
