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
      let texts = rest.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
      guard texts.count == 3, texts[2].isEmpty else { return nil }
      self = .archive(name: Array(texts[0]), location: Array(texts[1]))
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
