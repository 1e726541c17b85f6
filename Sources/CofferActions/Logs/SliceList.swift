import CofferRepository
import CofferSystem
import FoundationEssentials

/// Lists logs that are stored in slices.
struct SliceList {
  /// Whose servers' logs are shown.
  let systems: [String]
  /// What is said where there is none.
  let nothing: String
  /// How far a log is stored, for people; nil where that cannot be read.
  let text: (LogStream) -> String?
  /// The same for programs.
  let json: (LogStream) -> JSONValue?

  func tell(_ context: ActionContext) throws {
    try LogList.tell(
      context,
      where: { stream in
        stream.origin.map { origin in systems.contains { origin.system.isSame(as: $0) } } ?? false
      }, nothing: nothing, text: rows, json: object)
  }

  private func rows(_ stream: LogStream, _ now: Date) -> String {
    var rows: [[String]] = []
    if let origin = stream.origin {
      rows += [
        ["Server:", Quoting.terminal("\(origin.name) (\(origin.system) \(origin.identity))")],
        ["Host:", Quoting.terminal(origin.hostname)],
      ]
    }
    rows += [
      ["History:", "\(stream.history)"],
      LogList.signer(stream),
      ["Slices:", stream.stretches.map { "\($0.first.number) to \($0.last.number)" }.joined(separator: ", ")],
      ["Reaches:", text(stream) ?? "not known: its last object cannot be read"],
    ]
    rows += LogList.extent(stream, now)
    for (before, after) in stream.gaps {
      rows.append(["Missing:", "what is between slices \(before.number) and \(after.number)"])
    }
    return Formats.table(rows)
  }

  private func object(_ stream: LogStream, _ now: Date) -> JSONValue {
    let stretches: [JSONValue] = stream.stretches.map {
      .object(["first": .number(Int(clamping: $0.first.number)), "last": .number(Int(clamping: $0.last.number))])
    }
    return .object([
      "system": JSONValue(stream.origin?.system), "identity": JSONValue(stream.origin?.identity),
      "name": JSONValue(stream.origin?.name), "hostname": JSONValue(stream.origin?.hostname),
      "history": .number(Int(stream.history)), "signer": .text(stream.signer.text),
      "objects": .number(stream.objectCount), "stored_size": .number(Int(clamping: stream.storedSize)),
      "newest": .text(Formats.isoTime(stream.received)),
      "age": .real(max(now.timeIntervalSince(stream.received), 0)), "end": json(stream) ?? .null,
      "stretches": .list(stretches),
    ])
  }
}
