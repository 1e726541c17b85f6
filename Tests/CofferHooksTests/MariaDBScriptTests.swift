import CofferSystem
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
          case .rows(let part, _): rows += part
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
    CREATE DEFINER=`a`@`%` TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN
    -- don't; DELIMITER here
      SET @a = ';;'; # isn't
      /* it's */ SET @b = 1 - -1 / 2;
    END
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
      ("SELECT shop.f() AS x", .unknown), ("SET @a = shop.f()", .unknown), ("SET PASSWORD = 'x'", .unknown),
      ("SET STATEMENT max_statement_time = 1 FOR GRANT ALL ON *.* TO a", .unknown), ("CALL p()", .unknown),
      ("DO SETVAL(`s`, 3, 0)", .table), ("SELECT SETVAL(`s`, -3, 0)", .table), ("DO SETVAL(`s`, f(), 0)", .unknown),
      ("DO SLEEP(1)", .unknown), ("CREATE TABLE `a`.`b` (c int)", .unknown),
      ("DROP TABLE IF EXISTS mysql.user", .unknown), ("DROP TABLE IF EXISTS `a`, `shop`.`orders`", .unknown),
      ("ALTER TABLE `a` RENAME TO `other`.`x`", .unknown),
      ("ALTER TABLE a EXCHANGE PARTITION p WITH TABLE `shop`.`t`", .unknown),
      ("SET " + String(repeating: "@a=1,", count: 30) + "GLOBAL general_log_file='x'", .omitted),
      ("SET " + String(repeating: "@a=1,", count: 30) + "PASSWORD='x'", .unknown),
      ("CREATE TABLE `b` (c int) SELECT f() AS c", .unknown), ("DELETE FROM t", .unknown), ("HANDLER t OPEN", .unknown),
      ("CREATE TABLE t (a int)\0", .unknown), ("TRUNCATE t", .unknown), ("ALTER USER root", .account),
      ("LOAD DATA INFILE 'x' INTO TABLE t", .unknown), ("INSTALL SONAME 'x'", .unknown), ("SHUTDOWN", .unknown),
      ("SET ROLE NONE", .account), ("/*M!100005 SET DEFAULT ROLE NONE FOR 'a'@'b' */", .account),
      ("/*!40101 SET @saved_cs_client = @@character_set_client */", .setting), ("SET autocommit=0", .setting),
      ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ ''", .omitted), ("SET @@SESSION.SQL_LOG_BIN= 0", .omitted),
      ("CHANGE MASTER TO MASTER_LOG_FILE='x'", .omitted), ("LOCK TABLES `t` WRITE", .omitted),
      (
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `table``x` /*!40100 DEFAULT */",
        .database(.create, name: ExactName("table`x"))
      ),
      ("/*!40000 DROP DATABASE IF EXISTS `x`*/", .database(.drop, name: ExactName("x"))),
      ("USE `a b`", .database(.use, name: ExactName("a b"))),
      ("ALTER DATABASE `x` CHARACTER SET latin1", .database(.alter, name: ExactName("x"))),
      ("/*!40000 ALTER TABLE `database` DISABLE KEYS */", .table),
      ("/*!50712 SET a = 1 */", .setting), ("/*M!100616 SET @OLD=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */", .setting),
      (
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x` /*!80016 ENCRYPTION='N' */",
        .database(.create, name: ExactName("x"))
      ),
      ("CREATE TABLE `t` (`a` int /*!80023 INVISIBLE */) /*!50100 PARTITION BY HASH (a) */", .table),
      ("CREATE PROCEDURE p() SELECT 1 /*!99999 + 1 */", .routine),
      ("CREATE TABLE m (a int) ENGINE=MERGE UNION=(`a`,`b`)", .table),
      // Servers that pass over such a comment would find something else.
      ("/*!99999 CREATE TABLE x ( */ GRANT ALL ON *.* TO mallory /*!99999 ) */", .unknown),
      ("/*!99999 SET a = */ GRANT ALL ON *.* TO mallory", .unknown),
      ("/*M!100000 SET a = '*/ GRANT ALL ON *.* TO mallory; /*' */", .unknown),
      ("/*!050000 SET a = */ DROP DATABASE shop", .unknown), ("/*!99999 SET a = 1 /* */ */ DROP TABLE x */", .unknown),
      ("CREATE /*!99999 TABLE x (a int) */ USER mallory", .unknown), ("CREATE TABLE x (a int) /*!99999 ) */", .unknown),
      ("CREATE TABLE /*!99999 x */ shop.orders (a int)", .unknown),
      ("CREATE TABLE shop /*!99999 x */ . orders (a int)", .unknown),
      ("CREATE TABLE shop /*!99999 x */ /*!99998 . orders */ (a int)", .unknown),
      ("CREATE TRIGGER t BEFORE INSERT ON /*!99999 x */ shop.orders FOR EACH ROW SET @a = 1", .unknown),
      ("CREATE VIEW v AS SELECT 1 /*!99999 FROM mysql.user */", .unknown),
      ("DROP TABLE a /*!99999 , b */", .unknown), ("USE /*!99999 `a` */ `mysql`", .unknown),
      ("CREATE TABLE t (a int) /*!99999 SELECT 1 */", .unknown), ("/*!99999 SET a = 1", .unknown),
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
        "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER IF NOT EXISTS `shop` . `t.x`\nAFTER DELETE ON`shop`.`o` FOR */",
        "CREATE DEFINER=`a`@`%` TRIGGER IF NOT EXISTS `t.x`\nAFTER DELETE ON`o` FOR"
      ),
      (
        "CREATE TRIGGER t BEFORE INSERT ON o FOR EACH ROW BEGIN END",
        "CREATE TRIGGER t BEFORE INSERT ON o FOR EACH ROW BEGIN END"
      ),
      ("CREATE TABLE t (a int DEFAULT nextval(`shop`.`s`))", "CREATE TABLE t (a int DEFAULT nextval(`other`.`s`))"),
      ("CREATE TABLE t (a int COMMENT '`shop`.')", "CREATE TABLE t (a int COMMENT '`shop`.')"),
    ])
  func moving(text: String, moved: String) {
    let result = MariaDBStatement(text).moved(to: "other") { $0 == "shop" }
    #expect(String(decoding: result.text, as: UTF8.self).words == moved.words)
    #expect(MariaDBStatement(text).moved(to: "other") { $0 == "elsewhere" } == MariaDBStatement(text))
  }

  private func script(_ text: String, _ change: (inout MariaDBScript.Rules) -> Void = { _ in }) throws -> (
    MariaDBScript, loaded: String
  ) {
    var rules = MariaDBScript.Rules(mark: "0")
    rules.seal = .delimited
    change(&rules)
    var script = MariaDBScript(rules)
    var loaded: [UInt8] = []
    try Array(text.utf8).withUnsafeBytes { try script.feed($0) { loaded += $0 } }
    // The marks are random.
    let plain = String(decoding: loaded, as: UTF8.self).replacing(/coffer_[0-9a-f]{8}/, with: "MARK")
    return (script, plain)
  }

  @Test("Tables before any database are an error, and what is in the server's own is left out")
  func databases() throws {
    let text =
      "USE `mysql`;\nINSERT INTO `user` VALUES (1);\nCREATE TABLE x (a int);\nUSE `a`;\nCREATE TABLE t (a int);\n"
    let (script, loaded) = try script(text)
    #expect(
      loaded
        == """
        CREATE DATABASE `coffer_0_1_new`;
        USE `coffer_0_1_new`;
        DELIMITER MARK
        CREATE TABLE t (a int)
        MARK
        DELIMITER ;

        """)
    #expect(script.passedOver == [ExactName("mysql")])
    #expect(throws: StatementSplitter.Unreadable.self) {
      try self.script("CREATE TABLE t (a int); CREATE TABLE t (a int);\n")
    }
  }

  @Test(
    "A dump of a database that holds what is not of that database is not run",
    arguments: [
      "GRANT ALL ON *.* TO mallory;\n", "CREATE USER mallory;\n", "CREATE VIEW `other`.`v` AS SELECT 1;\n",
      "CREATE TRIGGER other.t BEFORE INSERT ON x FOR EACH ROW SET @a = 1;\n", "DROP TABLE `other`.`t`;\n",
      "CREATE TRIGGER t BEFORE INSERT ON `other`.x FOR EACH ROW SET @a = 1;\n",
      "CREATE FUNCTION f RETURNS INT SONAME 'x';\n",
      "INSERT INTO `other`.`t` VALUES (1);\n", "INSERT INTO `t` SELECT * FROM x;\n", "INSERT INTO `t` VALUES (f());\n",
      "INSERT INTO `t` VALUES (x(1));\n", "INSERT INTO `t` VALUES (1) -- \n;\n",
      "INSERT INTO `t` VALUES (1 /* x */);\n",
      "INSERT INTO 1db.t VALUES (1);\n", "INSERT INTO 1db . `t` VALUES (1);\n", "INSERT INTO `t` VALUES (`f`(1));\n",
      "INSERT INTO `t` VALUES (1f(1));\n", "INSERT INTO `t` VALUES (0xZ(1));\n", "INSERT INTO `t` VALUES (0x);\n",
      "INSERT INTO `t` VALUES (1e(1));\n", "INSERT INTO `t` VALUES (1.f(1));\n", "INSERT INTO `t` VALUES (NULL(1));\n",
      "INSERT INTO `t` VALUES (\"f\"(1));\n", "INSERT INTO `t` VALUES (\"f\" (1));\n",
      "INSERT INTO `t` VALUES (0b2);\n",
      "INSERT INTO `t` VALUES (1 (2));\n", "INSERT INTO `t` VALUES (`a`);\n",
      "CREATE TABLE m (a int) ENGINE=MERGE UNION=(`a`,`other`.`b`);\n", "CREATE TABLE m LIKE `other`.`b`;\n",
      "CREATE TABLE m (LIKE mysql.user);\n",
      "INSERT INTO `t` VALUES (1) \\C gbk;\n", "INSERT INTO `t` VALUES (@a);\n", "INSERT INTO mysql.t VALUES (1);\n",
    ])
  func foreign(statement: String) {
    #expect(throws: StatementSplitter.Unreadable.self) { try script("USE `a`;\n" + statement) }
  }

  @Test(
    "Rows as dump programs write them are passed on as they are, in whatever pieces they come", arguments: [1, 3, 1000])
  func rows(size: Int) throws {
    let rows =
      "INSERT  IGNORE INTO `t` (`a`, row_start) VALUES\n(1,-2.5e+10,0x1F,NULL,_binary 'x\\'',b'101',X'00',0,0.5,1e100,0b101,007,1.25E-7, 3),\n('--',\"/*\",'');"
    #expect(try split("\(rows)\n-- Dump completed\n", every: size).statements == ["rows: \(rows.dropLast())"])
  }

  @Test(
    "Statements end where the server ends them, whatever a client would make of it",
    arguments: [
      // Control characters begin a comment, other signs do not.
      ["CREATE PROCEDURE p() SELECT 1 --\u{1};;\n+ 2"], ["CREATE PROCEDURE p() SELECT 1 --\u{7F}it's;;\n+ 2"],
      ["CREATE PROCEDURE p() SELECT 1 --x", "CREATE PROCEDURE q() SELECT 2"],
      // What authors wrote looks like the end of the comment around it.
      ["CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 2 */*;;\nGRANT ALL;;*/ 3"],
      ["CREATE PROCEDURE `p``;;` () SELECT ';;', \";;\", `;;` /* ;; */ # ;;\n-- ;;\n"],
    ])
  func ends(parts: [String]) throws {
    let text = "DELIMITER ;;\n" + parts.map { $0 + ";;\n" }.joined() + "DELIMITER ;\n-- Dump completed\n"
    // A statement that begins with a blank is given out without it.
    #expect(try split(text).statements.map(\.trimmed) == parts.map(\.trimmed))
  }

  @Test("A trigger that looks like the end of its comment is taken out of it whole")
  func unwrapping() throws {
    let body = "SET @a = 2 */*;;\nGRANT ALL ON *.* TO mallory;;\n*/ 3"
    let text = "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`a*/`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x "
    #expect(
      try split(text + "FOR EACH ROW \(body) */;;\nDELIMITER ;\n").statements
        == ["CREATE DEFINER=`a*/`@`%` TRIGGER t BEFORE INSERT ON x FOR EACH ROW \(body)"])
  }

  @Test(
    "The second byte of a character is no backslash and no backtick",
    arguments: ["gbk", "sjis", "big5", "gb18030", "cp932"])
  func wideCharacters(charset: String) throws {
    func bytes(_ character: [UInt8]) -> [UInt8] {
      Array("SET character_set_client = \(charset);\nCREATE FUNCTION f() RETURN '".utf8) + character
        + Array("'; SET character_set_client = @saved;\n".utf8)
    }
    for character: [UInt8] in [[0xBF, 0x5C], [0xE0, 0x5C], [0xE0, 0x60]]
    where charset != "sjis" && charset != "cp932" || character[0] == 0xE0 {
      var splitter = StatementSplitter()
      var count = 0
      try bytes(character).withUnsafeBytes { try splitter.feed($0) { _ in count += 1 } }
      #expect(count == 3)
    }
  }

  @Test(
    "A view's tables and functions follow into another database, columns of a table with its name do not",
    arguments: [
      ("select `shop`.`a` AS `a` from `shop`", "select `shop`.`a` AS `a` from `shop`"),
      (
        "select `shop`.`f`(`shop`.`a`) from (`shop`.`shop` join `x`.`t`)",
        "select `other`.`f`(`shop`.`a`) from (`other`.`shop` join `x`.`t`)"
      ),
      ("select `shop`.`t`.`a` from ((`shop`.`t`))", "select `other`.`t`.`a` from ((`other`.`t`))"),
      (
        "select extract(day from `shop`.`d`) from `shop`.`t` `shop`",
        "select extract(day from `shop`.`d`) from `other`.`t` `shop`"
      ),
      (
        "select 1 from `t` where `a` in (select `shop`.`b` from `shop`.`u`)",
        "select 1 from `t` where `a` in (select `shop`.`b` from `other`.`u`)"
      ),
      ("select '`shop`.`t`', \"from `shop`.`t`\"", "select '`shop`.`t`', \"from `shop`.`t`\""),
    ])
  func views(query: String, moved: String) {
    let statement = MariaDBStatement("CREATE VIEW `v` AS \(query)").moved(to: "other") { $0 == "shop" }
    #expect(String(decoding: statement.text, as: UTF8.self) == "CREATE VIEW `v` AS \(moved)")
  }

  @Test("What a client could end elsewhere than the server is not sent to one that cannot prepare it")
  func ambiguous() throws {
    for text in ["CREATE FUNCTION f() RETURN 1 --\u{1}'\n", "CREATE VIEW v AS SELECT 1; DROP TABLE t"] {
      #expect(throws: SealedScript.Ambiguous.self) { try SealedScript.sealed(MariaDBStatement(text), .delimited) }
      let sealed = try SealedScript.sealed(MariaDBStatement(text), .immediate)
      #expect(String(decoding: sealed, as: UTF8.self) == "EXECUTE IMMEDIATE X'\(text.hexadecimal)';\n")
    }
  }

  @Test("What is only tried in the scratch databases comes when all rows are there")
  func rehearsals() throws {
    let text = """
      USE `a`;
      CREATE TABLE t (i int);
      CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET @a = 1;
      CREATE FUNCTION f() RETURNS INT RETURN 1;
      CREATE VIEW v AS SELECT 1 AS a;
      INSERT INTO `t` VALUES (1);

      """
    let (script, loaded) = try script(text) { $0.rehearsesViews = true }
    #expect(!loaded.contains("TRIGGER") && !loaded.contains("FUNCTION") && !loaded.contains("VIEW"))
    #expect(loaded.contains("INSERT INTO `t`"))
    #expect(script.hasRehearsals)
    #expect(
      script.rehearsals.map(\.head) == [
        "USE `coffer_0_1_new`", "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
        "CREATE FUNCTION f() RETURNS INT SQL SECURITY INVOKER RETURN 1", "CREATE VIEW v AS SELECT 1 AS a",
      ])
    #expect(script.programs.map(\.statement.head).contains("CREATE FUNCTION f() RETURNS INT RETURN 1"))
  }

  @Test(
    "A function is tried with the rights of who restores, and stays as it is where it is not certain where its body begins",
    arguments: [
      ("DEFINER=`a`@`%` FUNCTION `f(`() RETURNS int(11) ^RETURN 1", ""),
      (
        "FUNCTION f(a INT, b ENUM('(', ')')) RETURNS varchar(9) CHARSET utf8mb4 COLLATE utf8mb4_bin\n DETERMINISTIC\n COMMENT 'BEGIN' ^BEGIN RETURN a; END",
        ""
      ),
      (
        "AGGREGATE FUNCTION f(a INT) RETURNS bigint(20) READS SQL DATA SQL SECURITY DEFINER ^l: LOOP RETURN 1; END LOOP",
        ""
      ),
      ("FUNCTION f(a INT) RETURN NUMBER(9, 2) DETERMINISTIC ^AS BEGIN RETURN a; END", "ORACLE"),
      ("FUNCTION f() RETURNS novel(1) RETURN 1", ""), ("FUNCTION f() RETURNS INT LANGUAGE JAVASCRIPT AS $$ 1 $$", ""),
      ("PROCEDURE p() BEGIN END", ""), ("FUNCTION f() RETURNS INT /*!80016 RETURN 1 */", ""),
    ])
  func invokers(text: String, mode: String) {
    var lexical = LexicalMode()
    lexical.set(modes: mode)
    let statement = MariaDBStatement(Array("CREATE \(text.replacing("^", with: ""))".utf8), mode: lexical)
    let expected = "CREATE \(text.replacing("^", with: "SQL SECURITY INVOKER "))"
    #expect(String(decoding: statement.asInvoker().text, as: UTF8.self) == expected)
  }

  @Test("Where what is restored is thrown away, tables' files are where the server has its own")
  func directories() throws {
    let table = "CREATE TABLE `t` (`data` int COMMENT 'DATA DIRECTORY=', `directory` text)"
    let far = "\(table) ENGINE=MyISAM DATA DIRECTORY='/srv/it''s/' INDEX DIRECTORY = '/srv/'"
    let parts = "\nPARTITION BY HASH (`data`) (PARTITION `p` DATA DIRECTORY = '/srv' ENGINE = InnoDB)"
    let dump = "USE `a`;\n\(far) \(parts);\n"
    #expect(try script(dump).loaded.contains(far))
    let (_, loaded) = try script(dump) { $0.leavesDirectories = true }
    #expect(!loaded.contains("/srv"), "\(loaded)")
    let plain = "\(table) ENGINE=MyISAM PARTITION BY HASH (`data`) (PARTITION `p` ENGINE = InnoDB)"
    #expect(loaded.words.joined(separator: " ").contains(plain), "\(loaded)")
  }

  @Test("What dumps set around every table is kept once")
  func folded() throws {
    let cycle =
      "SET @saved = @@character_set_client;\nSET character_set_client = utf8mb4;\n%SET character_set_client = @saved;\n"
    let tables = (1...50).map { cycle.replacing("%", with: "CREATE TABLE t\($0) (i int);\n") }.joined()
    let view = cycle.replacing("%", with: "CREATE VIEW v AS SELECT 1 AS a;\n")
    let (script, loaded) = try script("USE `a`;\n" + tables + view + tables) { $0.rehearsesViews = true }
    #expect(script.programs.count == 1 + 3 + 4 + 3)
    let rest = script.programs.dropFirst().map(\.statement)
    #expect(script.rehearsals == [MariaDBStatement("USE `coffer_0_1_new`")] + rest)
    #expect(loaded.matches(of: /saved/).count == 202)
  }

  @Test(
    "Statements are prepared where the server can prepare every one",
    arguments: [
      ("10.11.19-MariaDB-0+deb12u1", SealedScript.Seal.immediate), ("10.6.2-MariaDB", .immediate),
      ("10.6.1-MariaDB", .delimited), ("10.5.29-MariaDB", .delimited), ("5.5.5-11.4.2-MariaDB", .immediate),
      ("8.0.36", .delimited), ("", .delimited),
    ])
  func seals(version: String, seal: SealedScript.Seal) {
    #expect(SealedScript.Seal(version: version) == seal)
  }
}
