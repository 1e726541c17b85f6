import CofferSystem

/// Looks at the server on which an oplog is to be replayed.
///
/// A replay makes what was made behind the dump anew, and fails half-way where that is there already. Only mongodump is known to be
/// installed; it announces every collection at the beginning of an archive.
enum OplogTarget {
  /// Seconds for which mongodump may say nothing.
  private static let patience: Double = 300
  private static let shown = 5

  /// Why a server's collections are in a replay's way.
  static func obstacle(_ announced: [[String]], beside dump: DumpContent?) -> String? {
    guard let dump else { return "what collections the dump has was not counted when it was made" }
    let known = Set(dump.tables.map { ExactName($0.name) })
    let others = announced.filter { titles in
      let database = titles.first?.parts(by: ".", limit: 2).first ?? ""
      return !MongoDBCollections.isOwn(database) && !titles.contains { known.contains(ExactName($0)) }
    }.compactMap(\.first)
    guard !others.isEmpty else { return nil }
    let more = others.count > shown ? " and \(others.count - shown) more" : ""
    return "it has collections that the dump has not, and that the log may make again: "
      + Quoting.terminal(others.prefix(shown).joined(separator: ", ")) + more
  }

  /// What a server has: of each collection the names by which a dump may know it.
  ///
  /// - Parameter command: Of mongodump, with an archive as its output.
  /// - Throws: `RestoreError.refused`; `LaunchError`; `SystemError`; `RunCancelled`.
  static func collections(
    _ command: ChildCommand, for identity: DumpIdentity, context: HookContext
  ) throws -> [[String]] {
    var command = command
    command.output = .pipe
    let child = try context.launcher.launch(command)
    defer { child.terminate() }
    guard let output = child.takeOutput() else { preconditionFailure("output was asked for as a pipe") }
    let reader = PolledReader(output.number, cancellation: context.cancellation)
    var archive = MongoDBArchive()
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while !archive.hasPrelude {
      let outcome = try piece.withUnsafeMutableBytes {
        try reader.read(into: $0, seconds: patience, subject: child.program)
      }
      if case .bytes(let count) = outcome {
        piece.withUnsafeBytes { archive.feed(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        guard archive.fault == nil, !archive.isCompressed else {
          throw refused(identity, "mongodump does not say what collections the server has", [])
        }
        continue
      }
      let status = outcome == .ended ? child.wait(seconds: patience, cancellation: context.cancellation) : nil
      try context.cancellation.check()
      guard let status else { throw refused(identity, "mongodump does not answer for \(Int(patience)) seconds", []) }
      throw refused(
        identity, ClientFailure.problem("mongodump", status, child.lastErrorLines), child.lastErrorLines)
    }
    return archive.announcedTitles
  }

  private static func refused(_ identity: DumpIdentity, _ problem: String, _ lines: [String]) -> RestoreError {
    .refused(
      identity, problem: "what the server has could not be asked: \(problem)",
      suggestion: identity.advice.suggestion(lines)
        ?? "The user that restores needs the role 'backup' besides, to see which collections there are")
  }
}
