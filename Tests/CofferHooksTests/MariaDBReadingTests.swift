import CofferSystem
import TestSupport
import Testing

@testable import CofferHooks

@Suite("A dump's statements are read as the server reads them, or not at all")
struct MariaDBReadingTests {
  /// How many statements a text is cut into.
  private func count(_ text: String) throws -> Int {
    var splitter = StatementSplitter()
    var count = 0
    try Array((text + "-- Dump completed\n").utf8).withUnsafeBytes { try splitter.feed($0) { _ in count += 1 } }
    return count
  }

  @Test(
    "Modes and character sets are followed through the variables that keep them",
    arguments: [
      ("SET @s = @@sql_mode; SET sql_mode = 'NO_BACKSLASH_ESCAPES'; DO '\\'; SET sql_mode = @s; DO '\\';';", 5),
      ("SET @s = 'NO_BACKSLASH_ESCAPES'; SET @@session.sql_mode = @s; DO '\\'; DO 1;", 4),
      ("SET @S=@@SQL_MODE, SQL_MODE='NO_BACKSLASH_ESCAPES'; DO '\\'; SET SQL_MODE=@s ; DO '\\';';", 4),
      ("/*!50003 SET @c = @@character_set_client */; SET NAMES gbk; SET character_set_client = @c; DO 1;", 4),
      ("SET @s = 4; SET sql_mode = ''; DO 1;", 3), ("SET sql_mode = 4; SET sql_mode = ''; DO 1;", 3),
      ("SET SESSION sql_mode = ANSI; SET `sql_mode` := NO_BACKSLASH_ESCAPES; DO '\\';", 3),
      ("SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin'; DO 1;", 2), ("SET TRANSACTION READ ONLY; SET a = 1; DO 1;", 3),
    ])
  func followed(text: String, statements: Int) throws {
    #expect(try count(text + "\n") == statements)
  }

  @Test(
    "What comes behind a mode that is not known is refused",
    arguments: [
      "SET sql_mode = 4;", "SET sql_mode = @never;", "SET sql_mode = DEFAULT;", "SET NAMES DEFAULT;",
      "SET sql_mode = '' 'ANSI_QUOTES';", "SET sql_mode = X'414E5349';", "SET sql_mode = 'ANSI\\_QUOTES';",
      "SET @s = 4; SET sql_mode = @s;", "SET @s = 'ANSI', @t = @s; SET sql_mode = @t;",
      "SET @e = ''; SET @é = 'ANSI'; SET sql_mode = @e;", "SET @s = ''; SET @`s ` = 'ANSI'; SET sql_mode = @s;",
      "SET @s = ''; SET @'s' = 'ANSI'; SET sql_mode = @s;", "SET @s.t = 'ANSI'; SET sql_mode = @t;",
      "/*!99999 SET sql_mode = 'ANSI' */;", "/*M!100000 SET @s = 'ANSI' */; SET sql_mode = @s;",
      "SET sql_mode = 'ANSI_QÜOTES';", "SET character_set_client = 28;", "SET CHARSET DEFAULT;",
      "SET sql_mode = 'a' || 'b';",
    ])
  func unknown(settings: String) throws {
    let error = #expect(throws: StatementSplitter.Unreadable.self) {
      try count(settings + " CREATE TABLE t (a int);\n")
    }
    #expect(error?.problem.contains("cannot be told") == true)
    #expect(throws: StatementSplitter.Unreadable.self) { try count(settings + " INSERT INTO `t` VALUES (1);\n") }
  }

  private static let attack = "GRANT ALL ON *.* TO mallory"

  /// Bodies with something behind them that a server would run as another statement.
  private static let severals = [
    "CREATE PROCEDURE p() SELECT 1; \(attack)",
    "CREATE PROCEDURE p() BEGIN SELECT 1; END; \(attack)",
    "CREATE PROCEDURE p() BEGIN END; \(attack); BEGIN END",
    "CREATE PROCEDURE p() l: BEGIN END l; \(attack)",
    "CREATE PROCEDURE p(begin INT, end INT) SELECT begin; \(attack); END",
    "CREATE PROCEDURE p() BEG\u{131}N SELECT 1; \(attack); END",
    // END is a name where a value is to come, and in some other places.
    "CREATE PROCEDURE p(begin INT, end INT) IF CASE WHEN 1 THEN end END THEN SELECT begin; END IF; \(attack); END IF",
    "CREATE PROCEDURE p(begin INT, end INT) IF CASE 1 WHEN 1 + end THEN begin END THEN SELECT 1; END IF; \(attack)",
    "CREATE PROCEDURE p(end INT) IF CASE WHEN NOT end THEN 2 END THEN SELECT 1; END IF; \(attack); END IF",
    "CREATE PROCEDURE p() IF CASE WHEN @end THEN 2 END THEN SELECT 1; END IF; \(attack); END IF",
    "CREATE PROCEDURE p() IF CASE WHEN 1 THEN 2 END THEN SELECT 1; END IF; \(attack); END IF",
    "CREATE PROCEDURE p(begin INT, end INT) IF CASE WHEN end THEN begin + 1 END THEN SELECT 1; END IF; \(attack); END IF",
    "CREATE PROCEDURE p(end INT) BEGIN REPEAT SET @a = 1; UNTIL end END REPEAT; END; \(attack)",
    "CREATE PROCEDURE p() IF 1 THEN SELECT 1; END IF; \(attack); END IF",
    "CREATE PROCEDURE p() CASE 1 WHEN 1 THEN SELECT 1; END CASE; \(attack); END CASE",
    "CREATE PROCEDURE p() WHILE 0 DO SELECT 1; END WHILE; \(attack)",
    "CREATE PROCEDURE p() LOOP SELECT 1; END LOOP; \(attack); END LOOP",
    "CREATE PROCEDURE p() /*!99999 BEGIN */ SELECT 1; \(attack); /*!99999 END */",
    "CREATE PROCEDURE p() SELECT 1 /*!99999 ' */ ; \(attack) /*!99999 ' */",
    "CREATE FUNCTION f() RETURNS INT RETURN 1; \(attack)",
    "CREATE FUNCTION f() RETURNS INT COMMENT 'BEGIN' RETURN 1; \(attack); END",
    "CREATE FUNCTION f() RETURNS INT SET begin = 1; \(attack); END",
    "CREATE FUNCTION f() RETURNS SET('BEGIN') CHARSET utf8mb4 RETURN ''; \(attack); END",
    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1; \(attack)",
    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW FOLLOWS `begin` SET @a = 1; \(attack); END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SET @a = 1; \(attack)",
    "CREATE EVENT `do begin` ON SCHEDULE EVERY 1 DAY DO SET @a = 1; \(attack); END",
    "CREATE TABLE t (a INT) /*!99999 COMMENT ' */; \(attack) /*!99999 ' */",
    "CREATE FUNCTION f() RETURNS INT LANGUAGE JAVASCRIPT AS $$ ' $$; \(attack); -- '",
  ]

  @Test("Nothing is sent as one statement that such a server would run as several", arguments: severals)
  func several(text: String) {
    #expect(throws: SealedScript.Ambiguous.self) { try SealedScript.sealed(MariaDBStatement(text), .delimited) }
  }

  /// Bodies of every kind, which are one statement.
  static let bodies = [
    "CREATE PROCEDURE p() BEGIN SELECT 1; BEGIN END; SELECT 2; END",
    "CREATE PROCEDURE p(INOUT `a;` DECIMAL(5, 2), b ENUM('(', ';')) MODIFIES SQL DATA COMMENT ';' l: BEGIN SELECT 1; END l",
    """
    CREATE PROCEDURE p(n INT) BEGIN DECLARE i, j INT DEFAULT 0; DECLARE gone CONDITION FOR SQLSTATE '42S02';
    DECLARE c CURSOR FOR SELECT CASE WHEN 1 THEN 2 END; DECLARE CONTINUE HANDLER FOR NOT FOUND, SQLEXCEPTION, 1051 SET j = 1;
    DECLARE EXIT HANDLER FOR SQLSTATE VALUE '23000' BEGIN ROLLBACK; END;
    outer_loop: LOOP SET i = i + 1; IF i > 3 AND (CASE WHEN j THEN 1 ELSE 0 END) = 0 THEN LEAVE outer_loop;
    ELSEIF i = 2 THEN ITERATE outer_loop; ELSE SET j = 0; END IF; END LOOP outer_loop;
    WHILE i > 0 DO SET i = i - 1; END WHILE; REPEAT SET i = i + 1; UNTIL i > 2 END REPEAT;
    CASE i WHEN 3 THEN SELECT 3; WHEN 4 THEN BEGIN END; ELSE SELECT 0; END CASE;
    CASE WHEN i = 1 THEN SELECT IF(1, 2, 3); END CASE; FOR k IN 1..3 DO SELECT k; END FOR;
    SELECT ';' AS `begin`, "END" FROM (SELECT 1 AS `if`) AS t; -- it's; BEGIN
    END
    """,
    "CREATE FUNCTION f(a INT) RETURNS VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DETERMINISTIC READS SQL DATA "
      + "SQL SECURITY INVOKER BEGIN RETURN REPEAT('x', a); END",
    "CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW IF NEW.a = 1 THEN SET @a = 1; END IF",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01' + INTERVAL 1 DAY ON COMPLETION PRESERVE DISABLE DO "
      + "BEGIN SET @a = 1; SET @b = 2; END",
    """
    CREATE PROCEDURE p(n INT) BEGIN
    IF CASE n WHEN 1 THEN 'a' ELSE CASE WHEN n > 2 THEN `n` WHEN n THEN NULL ELSE n END END > 1 THEN SELECT 1;
    ELSEIF 1 + CASE WHEN n = 1 THEN (2) END THEN SELECT 2; END IF;
    WHILE CASE WHEN n > 0 THEN TRUE ELSE n END DO SET n = n - 1; END WHILE;
    REPEAT SET n = n + 1; UNTIL CASE WHEN n > 2 THEN 1 END = 1 END REPEAT;
    CASE CASE n WHEN 3 THEN 4 END WHEN CASE WHEN n THEN 4 END THEN SELECT 3; ELSE SELECT 0; END CASE;
    END
    """,
    "CREATE PROCEDURE p() SELECT 1", "CREATE PROCEDURE p() WHILE 0 DO SELECT 1; END WHILE",
  ]

  @Test("A body that is one statement is sent", arguments: bodies)
  func one(text: String) throws {
    let sealed = String(decoding: try SealedScript.sealed(MariaDBStatement(text), .delimited), as: UTF8.self)
    #expect(sealed.contains("\n\(text)\n"))
  }

  /// A type that servers of MariaDB have from 11.7 on, and those of MySQL from 9.0 on.
  @Test("A function that returns a vector is one statement")
  func vector() throws {
    let text = "CREATE FUNCTION f() RETURNS vector(3) DETERMINISTIC BEGIN RETURN NULL; END"
    #expect(try SealedScript.sealed(MariaDBStatement(text), .delimited).count > text.utf8.count)
  }

  @Test("Blocks in Oracle's language are left to servers that can prepare them")
  func oracle() {
    let text = Array("CREATE PROCEDURE p AS BEGIN SELECT 1; END".utf8)
    var mode = LexicalMode()
    mode.set(modes: "ORACLE")
    #expect(throws: SealedScript.Ambiguous.self) {
      try SealedScript.sealed(MariaDBStatement(text, mode: mode), .delimited)
    }
  }
}
