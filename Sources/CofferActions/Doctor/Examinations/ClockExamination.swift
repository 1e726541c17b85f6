import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Whether this machine's clock agrees with the store's. Nothing is written to ask for its time: the newest archive of this
/// machine tells both.
struct ClockExamination: Examination {
  let name = "clock"

  /// Seconds by which clocks may differ.
  private static let tolerance = 300.0

  func findings(_ patient: Patient) throws -> [Finding] {
    let surroundings = patient.run.surroundings
    let now = surroundings.clock.now()
    return try patient.forEachOpen { location, access in
      let archives = try access.repository.archives()
      if let ahead = archives.last, ahead.time.timeIntervalSince(now) > Self.tolerance {
        return [
          .problem(
            location.name,
            "The newest archive is of \(Formats.time(ahead.time)), and this machine says that it is \(Formats.time(now))",
            "Set the clock of this machine, or of the one that made it, right (NTP)")
        ]
      }
      guard let own = archives.last(where: { $0.draft.hostname.isSame(as: surroundings.hostname) }),
        let received = own.received
      else { return [.ok(location.name, "no archive of this machine tells the store's time yet")] }
      let difference = own.end.timeIntervalSince(received)
      return [
        abs(difference) > Self.tolerance
          ? .problem(
            location.name,
            "When \(own.name) was made, this machine's clock was \(Formats.duration(abs(difference))) "
              + (difference > 0 ? "ahead of the store's" : "behind the store's"),
            "Set the one that is wrong right (NTP)")
          : .ok(location.name, "it agreed with the store's when \(own.name) was made")
      ]
    }
  }
}
