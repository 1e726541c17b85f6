import CofferSystem
import FoundationEssentials

/// Bounds of what is read: beyond them nothing is true, and sums and calendars would fail.
public enum PlausibleNumbers {
  /// Whether the time is in one of the years 1 to 9999.
  public static func isTime(_ date: Date) -> Bool {
    (-62_135_769_600..<253_402_300_800).contains(date.timeIntervalSince1970)
  }

  /// Whether so many bytes, or other things, may be somewhere: 72 petabytes.
  public static func isSize(_ size: UInt64) -> Bool { size <= 1 << 56 }
}
