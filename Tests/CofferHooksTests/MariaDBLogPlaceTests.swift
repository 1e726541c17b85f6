import CofferSystem
import Testing

@testable import CofferHooks

@Suite("Where a dump of MariaDB says that the server's log was")
struct MariaDBLogPlaceTests {
  private static let head = """
    -- MariaDB dump
    --
    -- Host: localhost    Database: shop
    -- ------------------------------------------------------
    -- Server version	10.11.19-MariaDB

    --
    -- Position to start replication or point-in-time recovery from
    --

    -- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000007', MASTER_LOG_POS=1697;

    """
  private static let old = "\n--\n-- GTID to start replication from\n--\n\n-- SET GLOBAL gtid_slave_pos='0-7-9';\n"
  private static let database = "\n--\n-- Current Database: `shop`\n--\n\nCREATE DATABASE shop;\n"
  private static let forged = "-- SET GLOBAL gtid_slave_pos='0-6-6';\n"
  private static let new = "-- SET GLOBAL gtid_slave_pos='0-7-9';\n-- Dump completed\n"

  private func found(_ text: String, by size: Int) throws -> DumpLogPlace? {
    let watch = MariaDBLogPlaceWatch(clock: try makeContext().clock)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { watch.take($0) }
    }
    return watch.found(tail: Array(bytes.suffix(200)))
  }

  @Test(
    "Older programs say the GTID position at the beginning, newer ones at the end; texts between them say nothing",
    arguments: [1, 7, 4096])
  func forms(size: Int) throws {
    for text in [
      Self.head + Self.old + Self.database + Self.forged, Self.head + Self.database + Self.forged + Self.new,
    ] {
      let place = try #require(try found(text, by: size))
      #expect(place.file == "binlog.000007" && place.position == 1697)
      #expect(place.gtid == "0-7-9")
    }
    // Behind a line break in the database's name. The first is of 64 signs with it, as many as there may be.
    for name in [
      "CHANGE MASTER TO MASTER_LOG_FILE='a.000001', MASTER_LOG_POS=4;", "CHANGE MASTER TO MASTER_LOG_FILE='",
    ] {
      let forged = Self.head.swapping("Database: shop", for: "Database: a\n-- \(name)")
      #expect(try found(forged + Self.database, by: size)?.file == "binlog.000007")
    }
    let bare = try found(Self.head + Self.database, by: size)
    #expect(bare?.position == 1697 && bare?.gtid == nil)
    #expect(try found(Self.database + Self.new, by: size) == nil)
  }
}
