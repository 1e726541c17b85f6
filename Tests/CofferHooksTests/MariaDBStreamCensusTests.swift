import Testing

@testable import CofferHooks

@Suite("What a dump of MariaDB holds is counted while it goes by")
struct MariaDBStreamCensusTests {
  private let script = #"""
    /*!40101 SET NAMES utf8mb4 */;
    USE `d``(`;
    CREATE TABLE `a;``(` (`a` int, `t` text);
    INSERT INTO `a;``(` VALUES (1,'),('),(2,'it''s (\' '),(3,NULL);
    INSERT INTO `a;``(` (`a`) VALUES (-4);
    CREATE TABLE `empty` (`a` int);
    /*!50001 CREATE TABLE `v` (`a` tinyint NOT NULL) ENGINE=MyISAM */;
    /*!50001 DROP TABLE IF EXISTS `v`*/;
    /*!50001 CREATE VIEW `v` AS SELECT 1 AS `a`*/;
    DELIMITER ;;
    /*!50003 CREATE TRIGGER `tr` BEFORE INSERT ON `empty` FOR EACH ROW INSERT INTO `x` VALUES (1),(2) */;;
    DELIMITER ;

    """#

  private var expected: DumpContent {
    DumpContent(
      tables: [.init(name: "`d``(`.`a;``(`", rows: 4), .init(name: "`d``(`.`empty`", rows: 0)],
      objects: ["view": 1, "trigger": 1, "event": 0])
  }

  @Test(
    "Rows, tables and objects are counted as the server reads them, in pieces of any size", arguments: [1, 7, 4096])
  func counted(size: Int) throws {
    let census = MariaDBStreamCensus()
    let bytes = Array(script.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { census.write($0) }
    }
    #expect(census.content == expected)
  }

  @Test("Rows are counted in the quotes of the dump's mode")
  func quotes() {
    let dump = """
      SET sql_mode = 'ANSI';
      USE "d";
      CREATE TABLE "a" ("b" int);
      INSERT INTO "a" VALUES (1),(2);
      -- x

      """
    let census = MariaDBStreamCensus()
    Array(dump.utf8).withUnsafeBytes { census.write($0) }
    #expect(census.content?.tables == [.init(name: "`d`.`a`", rows: 2)])
  }

  @Test("A server is no account, whatever user it names")
  func accounts() {
    let dump = """
      CREATE USER `a`@`%`;
      /*M!100005 CREATE ROLE 'r' WITH ADMIN `a`@`%` */;
      CREATE SERVER `s` FOREIGN DATA WRAPPER 'mysql' OPTIONS (Host 'h', User 'x', Password 'p', Port 3306);
      -- x

      """
    let census = MariaDBStreamCensus()
    Array(dump.utf8).withUnsafeBytes { census.write($0) }
    #expect(census.content?.accounts == ["'a'@'%'", "'r'"])
    let server = MariaDBStatement("CREATE SERVER `s` FOREIGN DATA WRAPPER 'mysql' OPTIONS (Host 'h', User 'x')")
    let accounts = MariaDBAccounts([server], protecting: [], present: [])
    #expect(accounts.created == [] && accounts.createdServers == ["s"])
  }

  @Test("What cannot be read is not counted")
  func unreadable() {
    let census = MariaDBStreamCensus()
    Array("INSERT INTO `a` VALUES (SLEEP(1));\n-- x\n".utf8).withUnsafeBytes { census.write($0) }
    #expect(census.content == nil)
  }

  @Test(
    "While a dump is made, rows are counted by their lines; where there may be several on a line they are not",
    arguments: [1, 7, 4096])
  func lines(size: Int) throws {
    let dump = #"""
      USE `d`;
      DROP TABLE IF EXISTS `a``VALUES`;
      CREATE TABLE `a``VALUES` (`a` int, `t` text);
      INSERT INTO `a``VALUES` VALUES
      (1,'),(;'),
      (2,'it''s (\n;'),
      (3,NULL);
      INSERT INTO `a``VALUES` (`a`) VALUES
      (-4);
      DROP TABLE IF EXISTS `b`;
      CREATE TABLE `b` (`a` int);
      INSERT INTO `b` VALUES (1),(2);
      DROP TABLE IF EXISTS `c`;
      CREATE TABLE `c` (`a` int);
      LOCK TABLES `c` WRITE;
      /*!40000 ALTER TABLE `c` DISABLE KEYS */;
      INSERT INTO `c` VALUES
      (1),
      (2);
      /*!40000 ALTER TABLE `c` ENABLE KEYS */;
      UNLOCK TABLES;
      /*!50001 CREATE VIEW `v` AS SELECT 1 AS `a`*/;
      -- Dump completed

      """#
    let census = MariaDBDumpCensus()
    let watch = MariaDBTablePlacesWatch(census: census)
    let bytes = Array(dump.utf8)
    #expect(census.content() == nil)
    for start in stride(from: 0, to: bytes.count, by: size) {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { watch.take($0) }
    }
    var expected = DumpContent(
      tables: [
        .init(name: "`d`.`a``VALUES`", rows: 4), .init(name: "`d`.`b`", rows: nil), .init(name: "`d`.`c`", rows: 2),
      ], objects: ["view": 1, "trigger": 0, "event": 0])
    expected.remark = "the rows of 1 of 3 tables were not counted: the dump program writes several on a line"
    #expect(census.content() == expected)
    #expect(watch.found()?.places.map(\.name) == ["a`VALUES", "b", "c"])
  }
}
