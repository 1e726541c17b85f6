import CofferSystem
import Foundation

/// A dump that streams.
final class PostgreSQLStreamDump: RunningDump {
  private let stream: DumpStream
  private let facts: DumpFacts
  private let warnings: [String]

  /// - Parameter warnings: Those of its planning.
  init(_ stream: DumpStream, facts: DumpFacts, warnings: [String]) {
    self.stream = stream
    self.facts = facts
    self.warnings = warnings
  }

  var output: DumpOutput { .stream(stream) }

  func finish() throws -> DumpOutcome {
    let status = try stream.finish()
    if let missing = missingEnd() {
      throw DumpError.incomplete(facts.identity, program: "pg_dump", missing: missing)
    }
    return DumpOutcome(
      facts: facts, bytes: stream.byteCount, exitStatus: status, warnings: warnings + stream.warnings)
  }

  func abandon() {
    stream.abandon()
  }

  /// What the dump lacks of the marks that its format always has; nil when it is complete.
  private func missingEnd() -> String? {
    switch facts.format {
    case "custom":
      return CustomArchive.missing(head: stream.head, tail: stream.tail)
    case "tar":
      let end = stream.tail.suffix(1024)
      return end.count == 1024 && end.allSatisfy { $0 == 0 } ? nil : "it does not end with two empty blocks"
    default:
      let isOfServer = facts.identity.isGlobals || facts.identity.database == "all"
      let mark = "PostgreSQL database \(isOfServer ? "cluster " : "")dump complete"
      return String(decoding: stream.tail, as: UTF8.self).contains(mark) ? nil : "it does not end with '\(mark)'"
    }
  }
}

/// A dump into a folder of this run: pg_dump writes it to the end before it is stored.
final class PostgreSQLFolderDump: RunningDump {
  private let facts: DumpFacts
  private let folder: String
  private let warnings: [String]

  /// - Parameter warnings: Those of its planning.
  init(command: (String) -> ChildCommand, facts: DumpFacts, warnings: [String], context: HookContext) throws {
    self.facts = facts
    let identity = facts.identity
    // pg_dump makes the last folder itself.
    folder = try context.runtime.makeParent(of: identity.path)
    let dump = try FolderDump(command(folder), into: folder, of: identity, context: context)
    self.warnings = try warnings + dump.finish()
    var mark = [UInt8](repeating: 0, count: CustomArchive.magic.count)
    let toc = try? FileDescriptor(opening: "\(folder)/toc.dat", flags: O_RDONLY)
    _ = try mark.withUnsafeMutableBytes { try toc?.read(into: $0, subject: "toc.dat") }
    guard mark == CustomArchive.magic else {
      abandon()
      throw DumpError.incomplete(identity, program: "pg_dump", missing: "its table of contents is not there")
    }
  }

  var output: DumpOutput { .folder(folder) }

  func finish() -> DumpOutcome {
    DumpOutcome(facts: facts, bytes: nil, exitStatus: 0, warnings: warnings)
  }

  func abandon() {
    try? FileManager.default.removeItem(atPath: folder)
  }
}
