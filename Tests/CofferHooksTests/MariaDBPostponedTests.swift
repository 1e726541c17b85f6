import CofferSystem
import Testing

@testable import CofferHooks

@Suite("Views that wait for another database have no rows until then")
struct MariaDBPostponedTests {
  private func views(_ statements: [String]) -> MariaDBPostponedViews {
    let programs = statements.map { text in
      let statement = MariaDBStatement(unwrapping: Array(text.utf8), mode: LexicalMode())
      return MariaDBScript.StoredProgram(
        object: statement.kind == .view ? ProgramName(statement, in: "shop") : nil, statement: statement)
    }
    return MariaDBPostponedViews(programs) { $0 == "later" }
  }

  private func texts(_ programs: [MariaDBScript.StoredProgram]) -> [String] {
    programs.map { String(decoding: $0.statement.text, as: UTF8.self).words.joined(separator: " ") }
  }

  private static let real = "CREATE VIEW `v` AS select `t`.`a` AS `a` from `later`.`t`"
  private static let end = " HAVING '\(MariaDBStatement.placeMark)' = '' LIMIT 0"

  @Test(
    "The place of a view is held by one without rows, whatever dumps hold it with",
    arguments: [
      ("/*!50001 CREATE VIEW `v` AS SELECT\n 1 AS `a`,\n 1 AS `b, c`*/", "1 AS `a`, 1 AS `b, c`"),
      ("/*!50001 CREATE VIEW `v` AS SELECT\n NULL AS `a` */", "1 AS `a`"),
    ])
  func placeholders(text: String, columns: String) {
    let views = views([
      "SET @a = 1", "/*!50001 DROP TABLE IF EXISTS `v`*/", text, "/*!50001 DROP TABLE IF EXISTS `v`*/",
      "/*!50001 DROP VIEW IF EXISTS `v`*/", "SET @a = 2", Self.real, "CREATE VIEW `w` AS select 1 AS `a`",
    ])
    #expect(
      texts(views.now) == [
        "SET @a = 1", "/*!50001 DROP TABLE IF EXISTS `v`*/",
        "CREATE OR REPLACE VIEW `v` AS SELECT \(columns)" + Self.end, "SET @a = 2",
        "CREATE VIEW `w` AS select 1 AS `a`",
      ])
    // Nothing takes away what holds the place, if the view then fails.
    let replacing = Self.real.replacing("CREATE", with: "CREATE OR REPLACE")
    #expect(texts(views.later) == ["SET @a = 1", "SET @a = 2", replacing])
    #expect(views.waiting == [ProgramName(type: "VIEW", database: "shop", name: "v")])
    #expect(views.now.allSatisfy { $0.object == nil || $0.statement.kind == .view })
  }

  /// Old dumps have a table for it, which is loaded with the others.
  @Test(
    "What holds a place in another way stays as it is",
    arguments: [
      "CREATE VIEW `v` AS SELECT f() AS `a`", "CREATE VIEW `v` AS SELECT 1 AS `a` FROM `t`",
      "/*!50001 CREATE TABLE `v` ( `a` tinyint NOT NULL ) ENGINE=MyISAM */",
    ])
  func unknown(text: String) {
    let odd = MariaDBStatement(text).kind == .view ? text : "SET @a = 1"
    let views = views([odd, "/*!50001 DROP TABLE IF EXISTS `v`*/", "/*!50001 DROP VIEW IF EXISTS `v`*/", Self.real])
    #expect(texts(views.now) == [odd])
    #expect(
      texts(views.later) == (MariaDBStatement(text).kind == .view ? [] : [odd]) + [
        "/*!50001 DROP TABLE IF EXISTS `v`*/", Self.real.replacing("CREATE", with: "CREATE OR REPLACE"),
      ])
  }

  @Test("Without such a view everything stays as it is")
  func none() {
    let views = views(["SET @a = 1", "CREATE VIEW `v` AS SELECT 1 AS `a`"])
    #expect(texts(views.now) == ["SET @a = 1", "CREATE VIEW `v` AS SELECT 1 AS `a`"])
    #expect(views.later.isEmpty && views.waiting.isEmpty)
  }
}
