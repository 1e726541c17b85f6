import Glibc

/// What tells a file from one that stands in its place, and from what it was before it was last changed.
public struct FileVersion: Sendable, Equatable {
  /// Of characters that names of files may have.
  public let text: String
  /// When the kernel has last noted a change of it, in seconds since 1970.
  public let changed: Double

  public init(_ facts: stat) {
    let time = facts.st_ctim
    text =
      [UInt64(facts.st_dev), UInt64(facts.st_ino), UInt64(bitPattern: Int64(facts.st_size))].map { String($0) }
      .joined(separator: "-") + "-\(time.tv_sec)-\(time.tv_nsec)"
    changed = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
