import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// `binlog list`: what there is of MariaDB and MySQL servers' binary logs, and what is missing in between.
enum BinlogListAction {
  static let declaration = ActionDeclaration(
    "binlog list", abstract: "Show what there is of MariaDB and MySQL servers' binary logs, and what is missing.",
    discussion: """
      Of each server and history how many slices there are, where the last of them ends, how long ago that came, and every gap. A history ends where the server's log did not \
      lead on. Any key is enough.
      """,
    flags: [SharedFlags.repository, SharedFlags.json], examples: ["coffer binlog list"], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let systems = [MariaDBDialect.mariadb.system, MariaDBDialect.mysql.system]
      let streams = try access.repository.logs().filter { stream in
        stream.origin.map { origin in systems.contains { origin.system.isSame(as: $0) } } ?? false
      }
      let now = context.surroundings.clock.now()
      if context.wantsJSON {
        return context.run.outcomes.add(
          .object([
            "repository": JSONShapes.repository(access, lastModified: nil),
            "logs": .list(streams.map { json($0, now) }),
          ]))
      }
      context.tellRepository(location)
      guard !streams.isEmpty else { return context.console.answer("There is no binary log of any server") }
      for stream in streams { context.console.answer(text(stream, now), keepingLines: true) }
    }
  }

  private static func text(_ stream: LogStream, _ now: Date) -> String {
    var rows: [[String]] = []
    if let origin = stream.origin {
      rows += [
        ["Server:", Quoting.terminal("\(origin.name) (\(origin.system) \(origin.identity))")],
        ["Host:", Quoting.terminal(origin.hostname)],
      ]
    }
    rows += [
      ["History:", "\(stream.history)"],
      ["Put by:", stream.signer == .full ? "full keys" : "the write-only key \(stream.signer.text)"],
      ["Slices:", stream.stretches.map { "\($0.first.number) to \($0.last.number)" }.joined(separator: ", ")],
      ["Reaches:", reach(stream)],
      ["Newest:", "\(Formats.time(stream.received)), \(Formats.age(now.timeIntervalSince(stream.received))) ago"],
      ["Stored:", "\(Formats.size(stream.storedSize)) in \(stream.objectCount) objects"],
    ]
    for (before, after) in stream.gaps {
      rows.append(["Missing:", "what is between slices \(before.number) and \(after.number)"])
    }
    return Formats.table(rows)
  }

  private static func reach(_ stream: LogStream) -> String {
    guard let reach = stream.binaryReach else { return "not known: its last object cannot be read" }
    let time = Formats.time(Date(timeIntervalSince1970: Double(reach.time)))
    return Quoting.terminal("\(reach.file), byte \(reach.end)\(reach.gtid.map { ", GTID \($0)" } ?? "")")
      + ", of \(time)"
  }

  private static func json(_ stream: LogStream, _ now: Date) -> JSONValue {
    let reach: JSONValue =
      stream.binaryReach.map { reach in
        .object([
          "file": .text(reach.file), "position": .number(Int(clamping: reach.end)), "gtid": JSONValue(reach.gtid),
          "time": .text(Formats.isoTime(Date(timeIntervalSince1970: Double(reach.time)))),
        ])
      } ?? .null
    let stretches: [JSONValue] = stream.stretches.map {
      .object(["first": .number(Int(clamping: $0.first.number)), "last": .number(Int(clamping: $0.last.number))])
    }
    return .object([
      "system": JSONValue(stream.origin?.system), "identity": JSONValue(stream.origin?.identity),
      "name": JSONValue(stream.origin?.name), "hostname": JSONValue(stream.origin?.hostname),
      "history": .number(Int(stream.history)), "signer": .text(stream.signer.text),
      "objects": .number(stream.objectCount), "stored_size": .number(Int(clamping: stream.storedSize)),
      "newest": .text(Formats.isoTime(stream.received)),
      "age": .real(max(now.timeIntervalSince(stream.received), 0)), "end": reach, "stretches": .list(stretches),
    ])
  }
}
