import CofferRepository
import Foundation

extension Console {
  /// Says where a run's time went, to standard error: a line for each stage, and how fast it was.
  func tell(_ times: Timings) {
    let spent = times.spent
    let width = spent.map(\.work.title.count).max() ?? 0
    for (work, sum) in spent {
      let title = work.title.padding(toLength: width, withPad: " ", startingAt: 0)
      var line = "\(title)  \(String(format: "%8.3f s", sum.seconds))"
      if sum.bytes > 0, sum.seconds > 0 {
        let rate = Formats.size(UInt64(Double(sum.bytes) / sum.seconds))
        line += "  \(Formats.size(sum.bytes)), \(rate)/s"
      }
      note(line)
    }
    if let ratio = times.decodedForEachRestored {
      note("\(String(format: "%.2f", ratio)) bytes decompressed for each restored byte")
    }
  }
}
