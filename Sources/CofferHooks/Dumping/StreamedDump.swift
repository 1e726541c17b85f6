import CofferSystem

/// A dump that streams, and shows by its bytes whether it is whole.
final class StreamedDump: JudgedDump {
  private let stream: DumpStream
  private let facts: DumpFacts
  private let program: String
  private let warnings: [String]
  private let missing: (DumpStream) throws -> String?
  private let content: (any ContentSource)?
  private let isAwaited: Bool
  private let details: () -> [String: String]
  private let remarks: () -> [String]
  private let log: () -> DumpLogPlace?
  private let overtaken: () -> [String]
  /// The exit status of the program.
  var judgement: Int32?

  /// - Parameters:
  ///   - program: As messages name it.
  ///   - warnings: Those of its planning.
  ///   - content: What tells what was dumped.
  ///   - isAwaited: Whether sessions may wait at its server for other dumps.
  ///   - details: What was seen of it as it went by, to be kept with the other facts.
  ///   - remarks: Warnings of what was seen so.
  ///   - log: What was seen as it went by of where the server's binary log was.
  ///   - overtaken: The tables whose rows the dump cannot have.
  ///   - missing: What a stream that was read to its end lacks of what such a dump always ends with; nil when it is whole. Throws
  ///     `DumpError` where there is something in it that is no part of a dump.
  init(
    _ stream: DumpStream, facts: DumpFacts, program: String, warnings: [String] = [],
    content: (any ContentSource)? = nil, isAwaited: Bool = false, details: @escaping () -> [String: String] = { [:] },
    remarks: @escaping () -> [String] = { [] }, log: @escaping () -> DumpLogPlace? = { nil },
    overtaken: @escaping () -> [String] = { [] },
    missing: @escaping (DumpStream) throws -> String?
  ) {
    self.stream = stream
    self.facts = facts
    self.program = program
    self.warnings = warnings
    self.content = content
    self.isAwaited = isAwaited
    self.details = details
    self.remarks = remarks
    self.log = log
    self.overtaken = overtaken
    self.missing = missing
  }

  var output: DumpOutput { .stream(stream) }

  /// What is beside a dump can keep it from beginning: a program that has written something has begun.
  var hasCompany: Bool { (content?.isCounting == true || isAwaited) && stream.byteCount == 0 }

  var factsSoFar: DumpFacts? { facts }

  func judge() throws -> Int32 {
    let found = try stream.finish()
    if let missing = try missing(stream) {
      throw DumpError.incomplete(facts.identity, program: program, missing: missing)
    }
    let overtaken = overtaken()
    guard overtaken.isEmpty else { throw DumpError.overtaken(facts.identity, tables: overtaken) }
    return found
  }

  func outcome(_ status: Int32) -> DumpOutcome {
    var facts = facts
    facts.content = content?.content()
    facts.details.merge(details()) { _, seen in seen }
    facts.log = log()
    return DumpOutcome(
      facts: facts, bytes: stream.byteCount, exitStatus: status, warnings: warnings + remarks() + stream.warnings)
  }

  func abandon() {
    content?.close()
    stream.abandon()
  }
}
