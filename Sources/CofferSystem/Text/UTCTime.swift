import FoundationEssentials
import Glibc

extension Date {
  /// The day and the time in UTC, in whole seconds, as the C library parts them.
  public var partsInUTC: tm {
    var (seconds, parts) = (time_t(timeIntervalSince1970.rounded(.down)), tm())
    gmtime_r(&seconds, &parts)
    return parts
  }

  /// `20130524T000000Z`: the basic format of ISO 8601, in UTC to the second. Foundation's formats take many times as long.
  public var compactUTC: String {
    let parts = partsInUTC
    return String(
      printf: "%04d%02d%02dT%02d%02d%02dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
      parts.tm_hour, parts.tm_min, parts.tm_sec)
  }
}
