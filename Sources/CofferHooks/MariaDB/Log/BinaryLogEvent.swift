import CofferSystem

/// What an event of a binary log says of itself: the 19 bytes that it begins with, by version 4 of the format
/// (https://mariadb.com/kb/en/2-binlog-event-header/).
public struct BinaryLogEvent: Sendable, Equatable {
  public enum Kind {
    public static let statement: UInt8 = 2
    public static let stop: UInt8 = 3
    public static let rotate: UInt8 = 4
    public static let format: UInt8 = 15
    public static let mysqlGTID: UInt8 = 33
    /// What MySQL begins a transaction with that has no GTID.
    public static let mysqlAnonymous: UInt8 = 34
    public static let mysqlPreviousGTIDs: UInt8 = 35
    public static let heartbeats: Set<UInt8> = [27, 41]
    public static let mariadbGTID: UInt8 = 162
    public static let mariadbGTIDList: UInt8 = 163
    public static let mariadbEncryption: UInt8 = 164
  }

  /// Bytes of an event's header.
  public static let headerSize = 19
  /// The server has made it for a reader: no file has it.
  static let artificial: UInt16 = 0x20

  /// When it was written, in seconds since 1970.
  public let time: UInt32
  public let kind: UInt8
  /// The number of the server that wrote it first.
  public let serverID: UInt32
  /// Bytes, header and checksum included.
  public let size: Int
  /// The low 32 bits of where it ends in its file; 0 for what no file has.
  public let end: UInt32
  public let flags: UInt16

  /// - Parameter bytes: At least `headerSize`.
  init(_ bytes: UnsafeRawBufferPointer) {
    func number<Value: FixedWidthInteger>(_ offset: Int, _ type: Value.Type) -> Value {
      Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
    time = number(0, UInt32.self)
    kind = bytes[4]
    serverID = number(5, UInt32.self)
    size = Int(number(9, UInt32.self))
    end = number(13, UInt32.self)
    flags = number(17, UInt16.self)
  }

  /// Whether a file has it, rather than that the server tells its reader something.
  ///
  /// - Parameter last: The low 32 bits of where it would end in the file.
  func isOfFile(endingAt last: UInt32) -> Bool {
    guard flags & Self.artificial == 0, !Kind.heartbeats.contains(kind) else { return false }
    // What no file has says that it ends at 0. Every 4 GiB an event of a file does, too; a format is at a file's beginning.
    return end > 0 || last == 0 && kind != Kind.format
  }
}
