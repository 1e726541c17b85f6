import CofferSystem

/// What a file system says of a file by which one tells whether it is still what was read of it.
public struct FileFacts: Sendable, Equatable {
  /// Bytes, holes counted.
  public let size: UInt64
  public let inode: UInt64
  /// When its content was written to, in nanoseconds since 1970; anybody who may write it can set that.
  public let modified: Int64
  /// When its content or its facts changed, in nanoseconds since 1970; only the system sets that.
  public let changed: Int64

  public init(size: UInt64, inode: UInt64, modified: Int64, changed: Int64) {
    self.size = size
    self.inode = inode
    self.modified = modified
    self.changed = changed
  }
}

/// Which facts of a file have to be what they were for its content to be taken as what it was.
public struct FileComparison: Sendable, Equatable {
  public enum Time: Sendable {
    /// That of the last change of content or facts.
    case changed
    /// That of the last change of the content.
    case modified
  }

  /// nil where the size is to tell by itself.
  public var time: Time?
  public var comparesInode: Bool
  /// Whether files are read in any case, and what was read is remembered for runs that compare.
  public var readsAll: Bool

  public init(time: Time? = .changed, comparesInode: Bool = true, readsAll: Bool = false) {
    self.time = time
    self.comparesInode = comparesInode
    self.readsAll = readsAll
  }

  func isSame(_ facts: FileFacts, as entry: FilesCacheEntry) -> Bool {
    let known = entry.facts
    guard facts.size == known.size, !comparesInode || facts.inode == known.inode else { return false }
    switch time {
    case .changed: return entry.isSettled.changed && facts.changed == known.changed
    case .modified: return entry.isSettled.modified && facts.modified == known.modified
    case nil: return true
    }
  }
}
