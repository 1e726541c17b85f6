import CofferSystem

/// What a server says of itself before a base backup.
struct ReplicatedServer {
  /// An answer is not what the protocol says.
  struct Unintelligible: Error {
    let command: String
  }

  let systemIdentifier: UInt64
  /// Bytes.
  let segmentSize: Int
  let hasChecksums: Bool

  /// - Parameter identify: What is asked for the identifier, as `systemid`.
  /// - Throws: `Unintelligible`; what asking throws.
  init(_ conversation: any BaseBackupConversation, identifying identify: String = "IDENTIFY_SYSTEM") throws {
    // SQL has the identifier with a sign.
    let identifier = try conversation.query(identify).text(0, "systemid").flatMap { text in
      UInt64(text) ?? Int64(text).map { UInt64(bitPattern: $0) }
    }
    guard let identifier, identifier > 0 else { throw Unintelligible(command: identify) }
    func setting(_ name: String) throws -> String {
      let command = "SHOW \(name)"
      guard let text = try conversation.query(command).text(0, name) else {
        throw Unintelligible(command: command)
      }
      return text
    }
    systemIdentifier = identifier
    guard let size = WALPageHeader.segmentSize(try setting("wal_segment_size")) else {
      throw Unintelligible(command: "SHOW wal_segment_size")
    }
    segmentSize = size
    hasChecksums = try setting("data_checksums").isSame(as: "on")
  }
}
