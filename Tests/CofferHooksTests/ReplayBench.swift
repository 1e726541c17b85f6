import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// A server of MariaDB with databases in it whose dumps are brought to moments by its log.
struct ReplayBench {
  let server: OwnMariaDBServer
  let context: HookContext

  init() throws {
    context = try makeContext()
    server = try OwnMariaDBServer(["--binlog-format=ROW"])
    try server.sql(
      """
      CREATE DATABASE shop; CREATE DATABASE other; CREATE DATABASE `o_d d%`;
      CREATE TABLE shop.ledger (n INT PRIMARY KEY, note TEXT); CREATE TABLE other.ledger (n INT PRIMARY KEY);
      CREATE TABLE `o_d d%`.ledger (n INT PRIMARY KEY); CREATE USER app@'%';
      CREATE DEFINER=app@'%' VIEW shop.v AS SELECT n FROM shop.ledger;
      CREATE PROCEDURE other.old() SELECT 1; CREATE EVENT other.tick ON SCHEDULE EVERY 1 DAY DO SELECT 1;
      """)
  }

  func root(_ names: [String]) throws -> ConfigurationSection {
    try makeRoot("mariadb_databases:\n" + names.map { entry($0) }.joined())
  }

  func entry(_ name: String) -> String {
    "  - {name: \"\(name)\", socket_path: \(server.socket), username: root}\n"
  }

  func dump(_ name: String) throws -> TakenDump {
    let plan = try MariaDBHook(.mariadb).dumps(of: root([name]), context: context)
    return try TakenDump(plan[0], context: context)
  }

  func commit(_ number: Int) throws {
    try server.sql("INSERT INTO shop.ledger VALUES (\(number), 'n'); INSERT INTO other.ledger VALUES (\(number))")
  }

  /// Waits until the server's clock shows another second, so that what comes is told from what was.
  func nextSecond() throws -> Int64 {
    let now = try #require(Int64(try server.sql("SELECT UNIX_TIMESTAMP()")))
    while try server.sql("SELECT UNIX_TIMESTAMP()") == String(now) { usleep(20_000) }
    return now
  }

  /// The log of the server, file by file.
  func pieces() throws -> [ReplayPiece] {
    try server.binaryLog().sorted { $0.key < $1.key }.map { name, bytes in
      let size = Int(bytes[13]) | Int(bytes[14]) << 8 | Int(bytes[15]) << 16
      return ReplayPiece(
        file: name, range: 4..<UInt64(bytes.count), format: Array(bytes[4..<4 + size]), events: Array(bytes[4...]))
    }
  }

  func log(_ dumps: [TakenDump], to target: ReplayTarget, on ground: DrillGround) throws -> ReplayLog {
    let places = try dumps.map { try #require($0.facts.log) }
    let log = try ReplayLog(
      from: places, of: dumps.map(\.facts.identity.database), to: target, on: ground, name: "log")
    for piece in try pieces() where piece.file >= ReplayLog.sorted(places)[0].file {
      guard try log.take(piece, gtid: "") else { break }
    }
    try log.finish()
    return log
  }

  /// Starts the server that brings dumps further.
  func replay(_ dumps: [TakenDump], by log: ReplayLog, on ground: DrillGround) throws -> MariaDBReplay {
    try MariaDBReplay(
      of: dumps.map(\.facts), bytes: dumps.reduce(0) { $0 + UInt64($1.bytes.count) }, log, on: ground)
  }

  /// Brings dumps to a target, and puts what comes of it in place of what the server has.
  ///
  /// - Parameters:
  ///   - warn: Is given the warnings.
  ///   - look: Is called while nothing is put in place yet.
  /// - Returns: The last transaction.
  @discardableResult
  func bring(
    _ dumps: [TakenDump], to target: ReplayTarget, warn: ([String]) -> Void = { _ in }, look: () throws -> Void = {}
  ) throws -> ReplayedTransaction? {
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let log = try log(dumps, to: target, on: ground)
    let replay = try replay(dumps, by: log, on: ground)
    defer { replay.remove() }
    for dump in dumps { try dump.restore(try replay.restore(of: dump.facts), context: replay.context) }
    warn(try replay.run { _ in })
    try look()
    let results = try dumps.map { try TakenDump(replay.dump(of: $0.facts)) }
    for dump in results {
      var facts = dump.facts
      facts.identity = DumpIdentity(hook: "mariadb_databases", database: facts.identity.database)
      let plan = try MariaDBHook(.mariadb).restore(
        of: facts, to: RestoreTarget(), root: root([facts.identity.database]), context: context)
      try dump.restore(plan, context: context)
    }
    return log.reached
  }

  func numbers(_ table: String) throws -> [Int] {
    try server.sql("SELECT n FROM \(table) ORDER BY n").split(separator: "\n").compactMap { Int($0) }
  }
}
