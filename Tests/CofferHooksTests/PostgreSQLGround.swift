import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// Two real servers, the hook, and a folder for programs that stand in for the real ones.
struct PostgreSQLGround {
  let hook = PostgreSQLHook()
  let one: PostgreSQLServer
  let two: PostgreSQLServer
  let programs: RuntimeDirectory

  init() throws {
    one = try PostgreSQLServer(1)
    two = try PostgreSQLServer(2)
    programs = try RuntimeDirectory(base: NSTemporaryDirectory())
  }

  /// Makes a shell script that goes with the test.
  func standIn(_ script: String, name: String = "standin-\(UInt32.random(in: 0 ... .max))") throws -> String {
    let path = programs.path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try ("#!/bin/sh\n" + script).write(toFile: path, atomically: true, encoding: .utf8)
    chmod(path, 0o755)
    return path
  }
}

/// Tests that need `PostgreSQLGround`.
protocol PostgreSQLSuite {
  var ground: PostgreSQLGround { get }
}

extension PostgreSQLSuite {
  /// A name that every program must be given with care.
  static var database: String { "a shop's \"db\" = x" }

  var hook: PostgreSQLHook { ground.hook }
  var one: PostgreSQLServer { ground.one }
  var two: PostgreSQLServer { ground.two }

  func configured(_ entries: String) throws -> ConfigurationSection {
    try makeRoot("postgresql_databases:\n" + entries)
  }

  /// The lines of an entry for `database` on the first server.
  func entry(_ more: String...) -> String {
    let escaped = Self.database.replacingOccurrences(of: "\"", with: "\\\"")
    return one.entry(escaped) + more.map { "    \($0)\n" }.joined()
  }

  /// Makes `database` anew on the first server, with some of everything in it.
  func prepare() throws {
    try one.recreate(Self.database)
    try one.run(PostgreSQLServer.richSchema, in: Self.database)
  }

  /// The first dump that is of a database, or of globals.
  func plan(_ root: ConfigurationSection, _ context: HookContext, globals: Bool = false) throws -> any PlannedDump {
    try #require(hook.dumps(of: root, context: context).first { $0.identity.isGlobals == globals })
  }

  func take(_ root: ConfigurationSection, _ context: HookContext, globals: Bool = false) throws -> TakenDump {
    try TakenDump(plan(root, context, globals: globals), context: context)
  }

  func standIn(_ script: String) throws -> String { try ground.standIn(script) }

  func standIn(_ script: String, name: String) throws -> String { try ground.standIn(script, name: name) }
}
