import CofferSystem
import FoundationEssentials
import Glibc

/// Sizes over time as a picture: a line in SVG, which stands in the page itself.
struct SizeChart {
  private let points: [BackupPoint]

  /// In units of the picture.
  private static let width = 320.0
  private static let height = 64.0
  private static let margin = 4.0

  init(_ history: BackupHistory) {
    points = history.points
  }

  /// Nothing where there is no line to draw.
  var svg: String {
    guard points.count > 1 else { return "" }
    let start = points[0].time.timeIntervalSince1970
    let length = max(points[points.count - 1].time.timeIntervalSince1970 - start, 1)
    let top = max(Double(points.map(\.bytes).max() ?? 0), 1)
    // From zero, so that a database that hardly grows has a flat line.
    let places = points.map { point in
      let across = (point.time.timeIntervalSince1970 - start) / length
      let up = Double(point.bytes) / top
      return (
        Self.number(Self.margin + across * (Self.width - 2 * Self.margin)),
        Self.number(Self.height - Self.margin - up * (Self.height - 2 * Self.margin)), point
      )
    }
    let line = places.map { "\($0.0),\($0.1)" }.joined(separator: " ")
    let dots = places.map { across, up, point in
      let title = Quoting.html("\(Formats.time(point.time)): \(Formats.size(point.bytes))")
      return "<circle cx=\"\(across)\" cy=\"\(up)\" r=\"2.5\"><title>\(title)</title></circle>"
    }
    let most = Formats.size(points.map(\.bytes).max() ?? 0)
    let label = Quoting.html(
      "Sizes from \(Formats.time(points[0].time)) to \(Formats.time(points[points.count - 1].time)), at most \(most)")
    return """
      <svg viewBox="0 0 \(Self.number(Self.width)) \(Self.number(Self.height))" role="img" aria-label="\(label)">\
      <line x1="0" y1="\(Self.number(Self.height - Self.margin))" x2="\(Self.number(Self.width))" \
      y2="\(Self.number(Self.height - Self.margin))"/>\
      <polyline points="\(line)"/>\(dots.joined())</svg>
      """
  }

  private static func number(_ value: Double) -> String { String(printf: "%.1f", value) }
}
