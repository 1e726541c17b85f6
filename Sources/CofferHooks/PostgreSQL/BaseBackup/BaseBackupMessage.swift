import CofferSystem

/// A message of the stream that servers from 15 on send for `BASE_BACKUP`
/// (https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-BASE-BACKUP).
enum BaseBackupMessage {
  /// An archive begins: its name, and of a tablespace the folder on the server, which is empty for the data directory.
  case archive(name: [UInt8], location: [UInt8])
  /// The manifest begins.
  case manifest
  /// Of what has begun.
  case data(UnsafeRawBufferPointer)
  /// How far the server has come.
  case progress

  /// - Returns: nil for what is no such message.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let kind = bytes.first else { return nil }
    let rest = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    switch kind {
    case UInt8(ascii: "n"):
      // Two texts, each with a zero behind it.
      guard let end = rest.firstIndex(of: 0), rest.last == 0, end < rest.count - 1 else { return nil }
      let second = rest[(end + 1)..<(rest.count - 1)]
      guard !second.contains(0) else { return nil }
      self = .archive(name: Array(rest[..<end]), location: Array(second))
    case UInt8(ascii: "m"):
      guard rest.isEmpty else { return nil }
      self = .manifest
    case UInt8(ascii: "d"): self = .data(rest)
    case UInt8(ascii: "p"):
      guard rest.count == 8 else { return nil }
      self = .progress
    default: return nil
    }
  }
}
