import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// `wal list`: what there is of PostgreSQL servers' logs, and what is missing in between.
enum WALListAction {
  static let declaration = ActionDeclaration(
    "wal list", abstract: "Show what there is of PostgreSQL servers' logs, and what is missing.",
    discussion: """
      Of each server and timeline the first and the last segment, how long ago the newest one came, and every gap. A server can be brought to any moment \
      between the end of a base backup and its newest segment, if nothing is missing in between. Any key is enough.
      """,
    flags: [SharedFlags.repository, SharedFlags.json], examples: ["coffer wal list"], run: run)

  private static func run(_ context: ActionContext) throws {
    try LogList.tell(
      context, where: { $0.origin?.system.isSame(as: LogCluster.system) ?? true },
      nothing: "There is no log of any server", text: text,
      json: json)
  }

  private static func text(_ stream: LogStream, _ now: Date) -> String {
    let origin = stream.origin
    let name = origin.map { $0.name.isEmpty ? "" : " (\($0.name))" } ?? ""
    var rows: [[String]] = [
      [
        "Server:",
        (origin?.identity).map { Quoting.terminal($0 + name) } ?? "not known: no object of its log can be read",
      ],
      ["Timeline:", "\(stream.history)"],
      LogList.signer(stream),
      ["From:", stream.first?.segmentName ?? "nowhere"],
      ["To:", stream.last?.segmentName ?? "nowhere"],
      ["Reaches:", stream.end.map { LogSequenceNumber($0).text } ?? "nowhere"],
    ]
    rows += LogList.extent(stream, now)
    if let origin { rows.insert(["Host:", Quoting.terminal(origin.hostname)], at: 1) }
    for (before, after) in stream.gaps {
      rows.append(["Missing:", "what is between \(before.segmentName) and \(after.segmentName)"])
    }
    return Formats.table(rows)
  }

  private static func json(_ stream: LogStream, _ now: Date) -> JSONValue {
    let tail: JSONValue =
      stream.tail.map { tail in
        .object(["segment": .text(tail.place.segmentName), "size": .number(tail.range.count)])
      } ?? .null
    let stretches: [JSONValue] = stream.stretches.map {
      .object(["first": .text($0.first.segmentName), "last": .text($0.last.segmentName)])
    }
    return .object([
      "system_identifier": JSONValue(stream.origin?.identity), "name": JSONValue(stream.origin?.name),
      "hostname": JSONValue(stream.origin?.hostname), "timeline": .number(Int(stream.history)),
      "signer": .text(stream.signer.text), "objects": .number(stream.objectCount),
      "stored_size": .number(Int(clamping: stream.storedSize)), "newest": .text(Formats.isoTime(stream.received)),
      "end": JSONValue(stream.end.map { LogSequenceNumber($0).text }),
      "age": .real(max(now.timeIntervalSince(stream.received), 0)),
      "tail": tail, "stretches": .list(stretches),
    ])
  }
}
