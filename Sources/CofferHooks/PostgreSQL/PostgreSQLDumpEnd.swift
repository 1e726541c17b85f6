import CofferSystem

/// The beginning and the end of a dump that streams.
enum PostgreSQLStreamEnd {
  /// What a dump lacks of the marks that its format always has; nil when it is complete.
  ///
  /// - Throws: `DumpError.mixed`.
  static func missing(_ stream: DumpStream, _ facts: DumpFacts) throws(DumpError) -> String? {
    switch PostgreSQLOptions.Format(rawValue: facts.format) {
    case .custom:
      return CustomArchive.missing(head: stream.head, tail: stream.tail)
    case .tar:
      let end = stream.tail.suffix(1024)
      guard end.count == 1024, end.allSatisfy({ $0 == 0 }) else { return "it does not end with two empty blocks" }
      return stream.head.starts(with: "toc.dat\0".utf8) ? nil : "it does not begin with its table of contents"
    default:
      let isOfServer = facts.identity.isGlobals || facts.identity.database == "all"
      let head = "PostgreSQL database \(isOfServer ? "cluster " : "")dump"
      let mark = "\(head) complete"
      let last = lines(stream.tail)
      guard let end = last.lastIndex(where: { $0.starts(with: "-- \(mark)".utf8) }) else {
        return "it does not end with '\(mark)'"
      }
      let first = lines(stream.head)
      // What stands for pg_dump may leave out how its scripts begin.
      let start = first.firstIndex { $0.elementsEqual("-- \(head)".utf8) } ?? 0
      if let line = (first[..<start] + last[end...]).first(where: { !isBetween($0) }) {
        throw .mixed(facts.identity, program: "pg_dump", with: String(decoding: line.prefix(120), as: UTF8.self))
      }
      return nil
    }
  }

  private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  }

  /// Whether a line may stand before the head of a script, or behind its end mark.
  private static func isBetween(_ line: ArraySlice<UInt8>) -> Bool {
    line.isEmpty || ["--", "\\restrict ", "\\unrestrict "].contains { line.starts(with: $0.utf8) }
  }
}

/// A dump into a folder of this run: pg_dump writes it to the end before it is stored.
enum PostgreSQLFolder {
  /// - Parameter warnings: Those of its planning.
  static func dump(
    command: (String) -> ChildCommand, facts: DumpFacts, warnings: [String], content: PostgreSQLDumpCensus?,
    context: HookContext
  ) throws -> WrittenFolder {
    let identity = facts.identity
    // pg_dump makes the last folder itself.
    let folder = try context.runtime.makeParent(of: identity.path)
    let said = try FolderDump(command(folder), into: folder, of: identity, context: context)
      .finish(begins: { content?.begin() })
    var facts = facts
    facts.content = content?.content()
    let written = WrittenFolder(folder, facts: facts, warnings: warnings + said)
    do {
      let contents = try FolderContents(try Folder(opening: folder))
      if let missing = contents.missing { throw DumpError.incomplete(identity, program: "pg_dump", missing: missing) }
      let overtaken = content?.overtaken(in: contents.smallTables) ?? []
      guard overtaken.isEmpty else { throw DumpError.overtaken(identity, tables: overtaken) }
    } catch {
      written.abandon()
      throw error
    }
    return written
  }
}
