import CSystem
import CofferSystem
import FoundationEssentials
import Glibc

/// Says from when on a file system's times cannot be told apart from those of a change that is yet to come.
///
/// A file that is written to again within the same tick of its file system's clock gets the same time again. So a time says
/// something only if it was over, by the clock that gives the times, when the file was opened. That clock is this machine's
/// where the file system is on it; one elsewhere goes as it likes.
///
/// A clock that was put back in between is seen at the files: what looks younger than now is not settled. Used by one thread.
final class SettledTimes {
  /// Seconds. Kernels before 6.13 give the time of their last tick, of which there are a hundred a second at least.
  private static let tick = 0.1
  /// Seconds. Times without a fraction are of file systems that have whole seconds, or two of them (FAT).
  private static let wholeSeconds = 2.5
  /// Seconds by which another machine's clock may be behind this one's.
  private static let otherClock = 600.0

  /// File systems whose times are given by this machine's kernel, by their numbers in linux/magic.h: ext2 to ext4, XFS, Btrfs,
  /// tmpfs, ramfs, F2FS, ZFS, bcachefs, overlay, FAT, exFAT, NTFS, JFS, ReiserFS, NILFS, UDF, ISO 9660, SquashFS, EROFS.
  private static let local: Set<UInt32> = [
    0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x8584_58f6, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e, 0x794c_7630,
    0x4d44, 0x2011_bab0, 0x7366_746e, 0x3153_464a, 0x5265_4973, 0x3434, 0x1501_3346, 0x9660, 0x7371_7368, 0xe0f5_e1e2,
  ]

  private let clock: Clock
  private let start: Double
  /// By device.
  private var isLocal: [dev_t: Bool] = [:]

  /// - Parameter clock: Its time now is that from which on nothing counts as settled, be it read minutes later.
  init(_ clock: Clock) {
    self.clock = clock
    start = clock.now().timeIntervalSince1970
  }

  /// The moment before a file is opened, in seconds since 1970.
  var now: Double { min(start, clock.now().timeIntervalSince1970) }

  /// - Parameters:
  ///   - opening: `now` as it was before the file was opened.
  ///   - number: The file, open.
  /// - Returns: Nanoseconds since 1970; times before that are settled.
  func limit(_ opening: Double, of facts: stat, _ number: Int32) -> Int64 {
    let isLocal = isLocal(facts.st_dev, number)
    let margin = (isLocal ? 0 : Self.otherClock) + (facts.st_ctim.tv_nsec == 0 ? Self.wholeSeconds : Self.tick)
    return Int64(exactly: ((opening - margin) * 1e9).rounded(.down)) ?? .min
  }

  private func isLocal(_ device: dev_t, _ number: Int32) -> Bool {
    if let known = isLocal[device] { return known }
    let type = coffer_file_system_type(number)
    let found = type >= 0 && Self.local.contains(UInt32(truncatingIfNeeded: type))
    isLocal[device] = found
    return found
  }
}
