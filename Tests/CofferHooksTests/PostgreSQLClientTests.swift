import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Which PostgreSQL client runs", .serialized)
struct PostgreSQLClientTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  /// Stand-ins for versions that are installed side by side.
  private func installations(_ versions: [Int]) throws -> PostgreSQLInstallations {
    for version in versions {
      for program in ["pg_dump", "pg_restore"] {
        _ = try standIn("echo '\(program) (PostgreSQL) \(version).1'\n", name: "v\(version)/bin/\(program)")
      }
    }
    return PostgreSQLInstallations([PostgreSQLInstallations.Root(folder: ground.programs.path, prefix: "v")])
  }

  private func usual(_ version: Int) throws -> String {
    _ = try standIn("echo 'pg_dump (PostgreSQL) \(version).9'\n", name: "path/pg_dump")
    return ground.programs.path + "/path:/usr/bin:/bin"
  }

  private func connection(_ more: String = "") throws -> PostgreSQLConnection {
    let section = try configured("  - name: users\n" + more)[PostgreSQLOptions.databases].first
    return PostgreSQLConnection(try #require(section), to: ServerAddress())
  }

  @Test(
    "The version closest to what is wanted is chosen, rather newer than older, and the usual one when it fits as well",
    arguments: [
      (15, 15, 15), (15, 14, 15), (15, 16, 16), (15, 17, 18), (14, 13, 13), (14, 15, 16), (20, 18, 18), (20, 19, 20),
    ])
  func choice(usual: Int, wanted: Int, expected: Int) throws {
    let context = try makeContext(path: self.usual(usual))
    let client = try PostgreSQLClient(
      .dump, of: connection(), atLeast: wanted, wanted: wanted, installations: installations([13, 16, 18]),
      context: context)
    #expect(client.major == expected)
    #expect(client.connection.override(of: .dump) == (usual == expected ? nil : [path(expected, "pg_dump")]))
  }

  private func path(_ version: Int, _ program: String) -> String {
    "\(ground.programs.path)/v\(version)/bin/\(program)"
  }

  @Test("Of versions that are all older than the server, the newest that can read the dump restores it")
  func olderThanServer() throws {
    let client = try PostgreSQLClient(
      .restore, of: connection(), atLeast: 13, wanted: 18, installations: installations([13, 16]),
      context: makeContext())
    #expect(client.major == 16)
  }

  @Test("When nothing is new enough the newest is told, and a command of one's own is used as it is")
  func tooOld() throws {
    let context = try makeContext(path: usual(14))
    let error = #expect(throws: PostgreSQLClient.TooOld.self) {
      try PostgreSQLClient(
        .dump, of: connection(), atLeast: 19, wanted: 19, installations: installations([13, 18]), context: context)
    }
    #expect(error?.newest == 18)
    let own = try connection("    pg_dump_command: \(path(13, "pg_dump"))\n")
    let client = try PostgreSQLClient(
      .dump, of: own, atLeast: 19, wanted: 19, installations: installations([13, 18]), context: context)
    #expect(client.connection == own && client.major == 13)
  }

  @Test("A server that is newer than the usual pg_dump is dumped by the one that is installed beside it, or refused")
  func server() throws {
    try one.recreate("versions")
    let context = try makeContext(path: usual(9))
    let root = try configured(one.entry("versions", "globals: false"))
    let dump = try take(root, context)
    #expect(dump.facts.clientVersion?.contains("(PostgreSQL) 9") == false)
    #expect(dump.bytes.starts(with: CustomArchive.magic))

    let without = PostgreSQLHook(installations: PostgreSQLInstallations([]))
    let planned = try #require(without.dumps(of: root, context: context).first)
    let error = #expect(throws: DumpError.self) { try planned.start(context: context) }
    #expect(error?.diagnosis.problem.contains("newest pg_dump here is 9") == true)
    #expect(error?.diagnosis.suggestion?.contains("postgresql-client-") == true)
    try one.drop("versions")
  }

  @Test("Where the PATH leads to no psql, the newest that is installed is taken")
  func psql() throws {
    for version in [13, 16] { _ = try standIn("", name: "v\(version)/bin/psql") }
    let installations = try installations([])
    #expect(installations.psqlElsewhere(context: try makeContext(path: "/nowhere")) == [path(16, "psql")])
    #expect(installations.psqlElsewhere(context: try makeContext()) == nil)
  }

  @Test(
    "Debian's wrapper is passed by where all that it would choose is the newest version, and asked where it chooses more"
  )
  func wrapper() throws {
    for version in ["9.6", "13", "16", "17beta1", "+18"] {
      _ = try standIn("echo \"$0 $PGSYSCONFDIR\"; echo oops >&2; exit 3\n", name: "v\(version)/bin/psql")
    }
    let wrapper = try standIn("echo wrapper\n", name: "pg_wrapper")
    for (folder, target) in [("links", wrapper), ("more", "\(ground.programs.path)/links/psql")] {
      let folder = "\(ground.programs.path)/\(folder)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(atPath: "\(folder)/psql", withDestinationPath: target)
    }
    _ = try standIn("echo own\n", name: "own/psql")
    let installations = PostgreSQLInstallations([
      .init(folder: ground.programs.path, prefix: "v", wrapper: wrapper)
    ])
    func said(
      _ more: String = "    hostname: db\n", in folder: String = "links", variables: [String: String] = [:],
      arguments: [String] = []
    ) throws -> String {
      let context = try makeContext(path: "\(ground.programs.path)/\(folder):/usr/bin:/bin", variables: variables)
      let section = try configured("  - name: users\n" + more)[PostgreSQLOptions.databases].first
      let server = ServerAddress(hostname: more.contains("hostname") ? "db" : nil)
      let connection = PostgreSQLConnection(try #require(section), to: server).passingWrappers(of: installations)
      let command = connection.command(.psql, arguments, context: context)
      #expect(more.contains("psql_command") || command.executable == "psql")
      return try context.launcher.run(command).text
    }
    let newest = path(16, "psql")
    #expect(try said() == "\(newest) /etc/postgresql-common\n")
    #expect(try said(in: "more") == "\(newest) /etc/postgresql-common\n")
    #expect(try said(variables: ["PGSYSCONFDIR": "/mine"]) == "\(newest) /mine\n")
    #expect(try said("", variables: ["PGHOST": "db"]) == "\(newest) /etc/postgresql-common\n")
    for chosen in [
      try said(""), try said(variables: ["PGCLUSTER": "16/main"]), try said(arguments: ["--cluster", "16/main"]),
    ] {
      #expect(chosen == "wrapper\n")
    }
    #expect(try said(in: "own") == "own\n")
    #expect(try said("    hostname: db\n    psql_command: \(wrapper)\n") == "wrapper\n")
  }

  @Test("The settings that PGOPTIONS names are read as the server reads them")
  func optionNames() {
    #expect(PostgreSQLPins.names(inOptions: "-c search_path=payrole -cROLE=x") == ["search_path", "role"])
    #expect(PostgreSQLPins.names(inOptions: "--role=x -d 2\t--work-mem=1") == ["role", "work_mem"])
    #expect(
      PostgreSQLPins.names(inOptions: #"-c application_name=a\ --role=x -c r\ole=y"#) == ["application_name", "role"])
    #expect(PostgreSQLPins.names(inOptions: "") == [])
  }
}
