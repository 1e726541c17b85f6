import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Which PostgreSQL databases are dumped", .serialized)
struct PostgreSQLListingTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test("With a format, 'all' is every database of the server, each in a dump of its own")
  func allWithFormat() throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(one.entry("all", "format: custom"))
    let names = try hook.dumps(of: root, context: context).map(\.identity.database)
    #expect(names.contains(Self.database) && names.contains("postgres"))
    #expect(!names.contains("template1") && !names.contains("template0"))
  }

  @Test("A pattern is every database whose name matches, and those that allow no connections are told and left out")
  func patterns() throws {
    for name in ["shop_a", "shop_b*", "shop_closed", "other_shop_"] { try one.recreate(name) }
    defer {
      _ = try? one.run("UPDATE pg_database SET datallowconn = true WHERE datname = 'shop_closed'")
      for name in ["shop_a", "shop_b*", "shop_closed", "other_shop_"] { try? one.drop(name) }
    }
    try one.run("ALTER DATABASE shop_closed ALLOW_CONNECTIONS false")
    let context = try makeContext()
    let dumps = try hook.dumps(of: configured(one.entry("shop_*", "globals: false")), context: context)
    #expect(dumps.map(\.identity.database) == ["shop_a", "shop_b*"])
    let outcome = try #require(dumps.first).start(context: context).finish()
    #expect(outcome.warnings.count == 1 && outcome.warnings[0].contains("'shop_closed'"), "\(outcome.warnings)")
    #expect(try dumps[1].start(context: context).finish().warnings == [])

    let plain = try hook.dumps(of: configured(one.entry("shop_[ab]", "globals: false")), context: context)
    #expect(plain.map(\.identity.database) == ["shop_[ab]"], "without a star it is a name")
    let all = try hook.dumps(of: configured(one.entry("all", "format: tar")), context: context)
    #expect(!all.map(\.identity.database).contains("shop_closed"))
  }

  @Test("A pattern that no database matches is an error, and list_options reach psql")
  func nothing() throws {
    let context = try makeContext()
    let error = #expect(throws: DumpError.self) {
      try plan(configured(one.entry("no_such_*")), context).start(context: context)
    }
    #expect(error?.diagnosis.problem.contains("'no_such_*'") == true)
    let options = #expect(throws: DumpError.self) {
      let root = try configured(one.entry("all", "format: tar", "list_options: --nonsense"))
      _ = try plan(root, context).start(context: context)
    }
    #expect(options?.diagnosis.problem.contains("psql --help") == true, "\(options?.diagnosis.problem ?? "")")
  }
}
