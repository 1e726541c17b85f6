import Testing

@testable import CofferHooks

@Suite("What the dump programs of MariaDB and MySQL write, taken apart")
struct MariaDBScriptTests {
  /// The statements of a text, in the pieces that it comes in; rows are put together.
  private func split(_ text: String, every size: Int = 1 << 20) throws -> (statements: [String], isComplete: Bool) {
    var splitter = StatementSplitter()
    var statements: [String] = []
    var rows: [UInt8] = []
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { piece in
        try splitter.feed(piece) { piece in
          switch piece {
          case .statement(let statement): statements.append(String(decoding: statement.text, as: UTF8.self))
          case .rows(let part): rows += part
          case .endOfRows:
            statements.append("rows: " + String(decoding: rows, as: UTF8.self))
            rows = []
          }
        }
      }
    }
    return (statements, splitter.isComplete)
  }

  private static let script = #"""
    /*M!999999\- enable the sandbox mode */ 
    -- MariaDB dump; with a semicolon
    /*!40101 SET NAMES utf8mb4 */;
    # a comment; 'of another kind
    /* and; one "more */
    CREATE TABLE `a;``b` (`c` int COMMENT 'it''s; \'x\' -- no', `d` text) COMMENT="-- /* #";
    INSERT INTO `a;``b` VALUES
    (1,'a;\\'),
    (2,'it\'s -- \"x\" /* # `');
    DELIMITER ;;
    /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN
    -- don't; DELIMITER here
      SET @a = ';;'; # isn't
      /* it's */ SET @b = 1 - -1 / 2;
    END */;;
    DELIMITER ;
    SET sql_mode = 'NO_BACKSLASH_ESCAPES' ;
    CREATE FUNCTION f() RETURN '\';
    SET sql_mode = 'ANSI_QUOTES' ;
    CREATE FUNCTION "f\"() RETURN 1;
    SET sql_mode = '' ;
    REPLACE INTO t VALUES ("\";");
    -- Dump completed on 2024-01-01

    """#

  private static let statements = [
    "/*!40101 SET NAMES utf8mb4 */",
    #"CREATE TABLE `a;``b` (`c` int COMMENT 'it''s; \'x\' -- no', `d` text) COMMENT="-- /* #""#,
    "rows: INSERT INTO `a;``b` VALUES\n(1,'a;\\\\'),\n(2,'it\\'s -- \\\"x\\\" /* # `')",
    """
    /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN
    -- don't; DELIMITER here
      SET @a = ';;'; # isn't
      /* it's */ SET @b = 1 - -1 / 2;
    END */
    """,
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES' ", #"CREATE FUNCTION f() RETURN '\'"#, "SET sql_mode = 'ANSI_QUOTES' ",
    #"CREATE FUNCTION "f\"() RETURN 1"#, "SET sql_mode = '' ", #"rows: REPLACE INTO t VALUES ("\";")"#,
  ]

  @Test(
    "Statements are told apart as the clients do, in whatever pieces they come", arguments: [1, 2, 3, 7, 64, 1 << 20])
  func statements(size: Int) throws {
    let result = try split(Self.script, every: size)
    #expect(result.statements == Self.statements)
    #expect(result.isComplete)
  }

  @Test("Only a mark that ends the dump makes it whole")
  func endMark() throws {
    #expect(try split("-- Dump completed\n").isComplete)
    #expect(try !split("-- Dump completed").isComplete)
    #expect(try !split("-- Dump completed\nSELECT 1;\n").isComplete)
    #expect(try !split("-- Dump complete\n").isComplete)
    #expect(try !split("INSERT INTO t VALUES ('\n-- Dump completed\n');\n").isComplete)
    #expect(try !split("").isComplete)
  }

  @Test(
    "What a statement is for is known from its first words",
    arguments: [
      ("CREATE TABLE `view` (a int)", .table), ("DROP TABLE IF EXISTS `v`", .table),
      ("/*!50001 CREATE VIEW `v` AS SELECT 1 AS `a`*/", .view), ("/*!50001 DROP TABLE IF EXISTS `v`*/", .view),
      ("/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`t`@`%` */\n/*!50001 VIEW `v` AS select 1 */", .view),
      ("/*!50106 CREATE*/ /*!50117 DEFINER=`a`@`%`*/ /*!50106 EVENT `table` ON SCHEDULE EVERY 1 DAY */", .event),
      ("CREATE DEFINER=`a`@`%` PROCEDURE `p`() SELECT 'TABLE'", .routine),
      ("CREATE DEFINER=\"a\"@\"%\" PACKAGE BODY \"p\" AS END", .routine),
      ("CREATE FUNCTION `f` RETURNS STRING SONAME 'f.so'", .account), ("CREATE USER `a`@`%`", .account),
      ("/*M!100005 CREATE ROLE 'r' WITH ADMIN x */", .account), ("GRANT ALL ON *.* TO a", .account),
      ("SET ROLE NONE", .account), ("/*M!100005 SET DEFAULT ROLE NONE FOR 'a'@'b' */", .account),
      ("/*!40101 SET @saved_cs_client = @@character_set_client */", .setting), ("SET autocommit=0", .setting),
      ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ ''", .omitted), ("SET @@SESSION.SQL_LOG_BIN= 0", .omitted),
      ("CHANGE MASTER TO MASTER_LOG_FILE='x'", .omitted), ("LOCK TABLES `t` WRITE", .omitted),
      ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `table``x` /*!40100 DEFAULT */", .database(.create, name: "table`x")),
      ("/*!40000 DROP DATABASE IF EXISTS `x`*/", .database(.drop, name: "x")),
      ("USE `a b`", .database(.use, name: "a b")),
      ("ALTER DATABASE `x` CHARACTER SET latin1", .database(.alter, name: "x")),
      ("/*!40000 ALTER TABLE `database` DISABLE KEYS */", .table),
    ] as [(String, MariaDBStatement.Kind)])
  func kinds(text: String, kind: MariaDBStatement.Kind) {
    #expect(MariaDBStatement(text).kind == kind)
  }

  @Test(
    "A trigger that names its database, and a sequence's column, follow into another one",
    arguments: [
      (
        "CREATE TRIGGER shop.t BEFORE INSERT ON shop.o FOR EACH ROW SET @a = shop.f()",
        "CREATE TRIGGER t BEFORE INSERT ON o FOR EACH ROW SET @a = shop.f()"
      ),
      (
        "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER IF NOT EXISTS `sh``op` . `t.x`\nAFTER DELETE ON`s`.`o` FOR */",
        "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER IF NOT EXISTS `t.x`\nAFTER DELETE ON`o` FOR */"
      ),
      (
        "CREATE TRIGGER t BEFORE INSERT ON o FOR EACH ROW BEGIN END",
        "CREATE TRIGGER t BEFORE INSERT ON o FOR EACH ROW BEGIN END"
      ),
      ("CREATE TABLE t (a int DEFAULT nextval(`shop`.`s`))", "CREATE TABLE t (a int DEFAULT nextval(`other`.`s`))"),
      ("CREATE TABLE t (a int COMMENT '`shop`.')", "CREATE TABLE t (a int COMMENT '`shop`.')"),
    ])
  func moving(text: String, moved: String) {
    #expect(MariaDBStatement(text).moved(from: "shop", to: "other") == MariaDBStatement(moved))
    #expect(MariaDBStatement(text).moved(from: "shop", to: "shop") == MariaDBStatement(text))
  }

  @Test("Tables before any database are an error, and what is in the server's own is left out")
  func databases() throws {
    var script = MariaDBScript(mark: "0", rehearsesViews: false) { $0 }
    var loaded: [UInt8] = []
    let text =
      "USE `mysql`;\nINSERT INTO `user` VALUES (1);\nCREATE TABLE x (a int);\nUSE `a`;\nCREATE TABLE t (a int);\n"
    try Array(text.utf8).withUnsafeBytes { try script.feed($0) { loaded += $0 } }
    #expect(
      String(decoding: loaded, as: UTF8.self)
        == "CREATE DATABASE `coffer_0_1_new` ;\nUSE `coffer_0_1_new`;\nCREATE TABLE t (a int);\n")
    #expect(script.passedOver == ["mysql"])
    var other = MariaDBScript(mark: "0", rehearsesViews: false) { $0 }
    #expect(throws: MariaDBScript.NoDatabase.self) {
      try Array("CREATE TABLE t (a int); SELECT 1; SELECT 1;\n".utf8).withUnsafeBytes { try other.feed($0) { _ in } }
    }
  }
}
