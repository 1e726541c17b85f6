import CSystem

/// How this process uses memory.
public enum ProcessMemory {
  /// What a restore from object storage takes at most is 220 MB with so many, and 300 to 360 with the C library's own choice, which
  /// is eight for each processor; with two or four, times are the same.
  private static let arenaLimit: Int32 = 4

  /// Has the C library keep what is free in a few pools (arenas) in place of one for nearly every thread: megabytes that one thread was
  /// given are often freed by another, and each pool keeps as much as its threads ever needed. To be called before there are
  /// threads.
  public static func limitArenas() {
    _ = coffer_limit_arenas(arenaLimit)
  }
}
