import CSystem

/// How this process uses memory.
public enum ProcessMemory {
  /// What a restore from object storage takes at most is 220 MB with so many, and 300 to 360 with the C library's own choice, which
  /// is eight for each processor; with two or four, times are the same.
  private static let arenaLimit: Int32 = 4
  /// Bytes from which on memory is given back to the system when it is free: packs, and not blocks.
  private static let mappedSize: Int32 = 8 << 20

  /// Has the C library keep what is free in a few pools (arenas) in place of one for nearly every thread: megabytes that one thread was
  /// given are often freed by another, and each pool keeps as much as its threads ever needed. And has it map what is large by
  /// itself, always: by its own choice it would keep packs in its pools once one was freed. To be called before there are threads.
  public static func keepSmall() {
    _ = coffer_limit_arenas(arenaLimit)
    _ = coffer_map_from(mappedSize)
  }
}
