/// Amounts as people read them.
public enum Quantities {
  /// Decimal units, three significant digits: `1.23 MB`.
  public static func size(_ bytes: UInt64) -> String {
    var value = Double(bytes)
    for unit in ["B", "kB", "MB", "GB", "TB"] {
      if value < 999.5 || unit == "TB" {
        if unit == "B" { return "\(bytes) B" }
        return String(printf: value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value) + " \(unit)"
      }
      value /= 1000
    }
    return "\(bytes) B"
  }

  public static func duration(_ seconds: Double) -> String {
    if seconds < 60 { return String(printf: "%.1f s", seconds) }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return String(printf: "%d min %02d s", whole / 60, whole % 60) }
    return String(printf: "%d h %02d min", whole / 3600, whole / 60 % 60)
  }
}
