import CofferSystem

/// The end of a dump that streams.
enum PostgreSQLStreamEnd {
  /// What a dump lacks of the marks that its format always has; nil when it is complete.
  static func missing(_ stream: DumpStream, _ facts: DumpFacts) -> String? {
    switch PostgreSQLOptions.Format(rawValue: facts.format) {
    case .custom:
      return CustomArchive.missing(head: stream.head, tail: stream.tail)
    case .tar:
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
