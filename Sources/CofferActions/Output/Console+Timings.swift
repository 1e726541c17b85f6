import CofferRepository
import CofferStorage
import CofferSystem

extension Console {
  /// Says where a run's time went, to standard error: a line for each stage, and how fast it was; then one for each place,
  /// with what was asked of it.
  ///
  /// - Parameter stores: In the order in which they were opened; of a place there may be several.
  func tell(_ times: Timings, _ stores: [CountingStore]) {
    let spent = times.spent
    let width = spent.map(\.work.title.count).max() ?? 0
    for (work, sum) in spent {
      let title = work.title + String(repeating: " ", count: width - work.title.count)
      var line = "\(title)  \(String(printf: "%8.3f s", sum.seconds))"
      if sum.bytes > 0, sum.seconds > 0 {
        let rate = Formats.size(UInt64(Double(sum.bytes) / sum.seconds))
        line += "  \(Formats.size(sum.bytes)), \(rate)/s"
      }
      note(line)
    }
    if let ratio = times.decodedForEachRestored {
      note("\(String(printf: "%.2f", ratio)) bytes decompressed for each restored byte")
    }
    var places: [ExactName] = []
    for store in stores {
      let place = ExactName(store.location)
      if !places.contains(place) { places.append(place) }
    }
    for place in places {
      tell(stores.filter { $0.location.isSame(as: place.text) }.map(\.use).reduce(.init(), +), of: place.text)
    }
  }

  private func tell(_ use: CountingStore.Use, of place: String) {
    let requests = CountingStore.Request.allCases.compactMap { request in
      use.requests[request].map { "\(request.rawValue) \($0)" }
    }
    note(
      "\(place): \(requests.joined(separator: ", ")); \(Formats.size(UInt64(use.sent))) sent, "
        + "\(Formats.size(UInt64(use.received))) received")
  }
}
