import CofferRepository
import CofferSystem
import FoundationEssentials

/// What the actions that list servers' logs have in common.
enum LogList {
  /// Tells of the logs in each repository.
  ///
  /// - Parameters:
  ///   - nothing: What is said where there is none.
  ///   - text: A log for people, given what time it is.
  ///   - json: Likewise for programs.
  static func tell(
    _ context: ActionContext, where isWanted: (LogStream) -> Bool, nothing: String,
    text: (LogStream, Date) -> String, json: (LogStream, Date) -> JSONValue
  ) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let streams = try access.repository.logs().filter(isWanted)
      let now = context.surroundings.clock.now()
      if context.wantsJSON {
        return context.run.outcomes.add(
          .object([
            "repository": JSONShapes.repository(access, lastModified: nil),
            "logs": .list(streams.map { json($0, now) }),
          ]))
      }
      context.tellRepository(location)
      guard !streams.isEmpty else { return context.console.answer(nothing) }
      for stream in streams { context.console.answer(text(stream, now), keepingLines: true) }
    }
  }

  /// Whose objects they are.
  static func signer(_ stream: LogStream) -> [String] {
    ["Put by:", stream.signer == .full ? "full keys" : "the write-only key \(stream.signer.text)"]
  }

  /// How old the newest is, and how much there is.
  static func extent(_ stream: LogStream, _ now: Date) -> [[String]] {
    [
      ["Newest:", "\(Formats.time(stream.received)), \(Formats.age(now.timeIntervalSince(stream.received))) ago"],
      [
        "Stored:",
        "\(Formats.size(stream.storedSize)) in \(stream.objectCount) \(stream.objectCount == 1 ? "object" : "objects")",
      ],
    ]
  }
}
