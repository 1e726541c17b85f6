import CofferSystem
import Foundation

/// Makes chunks of an xbstream.
enum XBStreamBuilder {
  private static func number(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var sum = CRC32()
    bytes.withUnsafeBytes { sum.update($0) }
    return sum.value
  }

  static func chunk(_ type: Character, _ path: String, flags: UInt8 = 0, _ rest: [UInt8] = []) -> [UInt8] {
    Array("XBSTCK01".utf8) + [flags, type.asciiValue ?? 0] + number(UInt32(path.utf8.count)) + Array(path.utf8) + rest
  }

  static func part(
    _ path: String, _ bytes: [UInt8], at place: UInt64 = 0, flags: UInt8 = 0, checksum: UInt32? = nil
  ) -> [UInt8] {
    chunk(
      "P", path, flags: flags,
      number(UInt64(bytes.count)) + number(place) + number(checksum ?? self.checksum(bytes)) + bytes)
  }

  static func file(_ path: String, _ bytes: [UInt8], flags: UInt8 = 0) -> [UInt8] {
    (bytes.isEmpty ? [] : part(path, bytes, flags: flags)) + chunk("E", path)
  }

  static func seek(_ path: String, to place: UInt64) -> [UInt8] { chunk("S", path, number(place)) }

  static func rename(_ path: String, to other: String) -> [UInt8] {
    chunk("R", path, number(UInt32(other.utf8.count)) + Array(other.utf8))
  }

  /// What mariadb-backup says of a backup of a whole server.
  static func report(_ changed: [String: String] = [:]) -> [UInt8] {
    let values = ["partial": "N", "incremental": "N", "compressed": "N"].merging(changed) { $1 }
    let info = values.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
    return file("xtrabackup_checkpoints", Array("backup_type = full-backuped\nto_lsn = 60000\nlast_lsn = 60016\n".utf8))
      + file("xtrabackup_binlog_info", Array("binlog.000007\t4711\t0-1-10,1-2-3\n".utf8))
      + file(
        "xtrabackup_info",
        Array(("uuid = x\ntool_version = 10.11.19-MariaDB\nserver_version = 10.11.19-MariaDB-log\n" + info).utf8))
  }
}
