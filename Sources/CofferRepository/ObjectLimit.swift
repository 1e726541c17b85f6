/// The sizes in bytes beyond which an object is not read at all: far above what is ever written, far below what would
/// exhaust a machine's memory. A stolen write-only key, or a damaged file system, may leave objects of any size.
enum ObjectLimit {
  static let header = 64 << 10
  static let key = 64 << 10
  static let session = 64 << 10
  static let quarantine = 64 << 10
  static let closing = 64 << 10
  static let proof = 4 << 20
  static let pin = 64 << 10
  /// Plans and sweeps of compaction.
  static let roundDecision = 64 << 20
  static let archive = 16 << 20
  static let index = 128 << 20
  /// Objects of logs: the largest segment that PostgreSQL can be made with, if it cannot be compressed.
  static let log = (1 << 30) + (64 << 20)

  /// - Parameter target: Stored bytes after which a pack is finished; a last block, the directory and padding follow.
  static func pack(target: Int) -> Int { target + target / 4 + 64 << 20 }
}
