import CofferSystem

/// What stands in for the drill of a MongoDB archive where no server is installed, or that is of a server's own database: it is read
/// to its end by the reader that followed it when it was made, and its documents are counted. No database is made of it.
final class MongoDBReading: DrillPlace {
  private let dump: MongoDBCountedRead

  /// - Parameter isOwn: Whether it is of a database of the server's own.
  /// - Throws: `DrillError.impossible` for a dump that only MongoDB's tools can read.
  init(of facts: DumpFacts, isOwn: Bool = false) throws {
    guard facts.has(MongoDBOptions.Format.archive), facts.details["compression"] == nil else {
      let reason = isOwn ? "it is of a server's own database" : "no server of MongoDB is installed here"
      let change = "set format to archive and take --gzip out of options"
      throw DrillError.impossible(
        facts.identity, problem: "\(reason), and so it is only read, which takes an archive that is not compressed",
        suggestion: isOwn ? "For this database, \(change)" : "Install mongodb-org-server, or \(change)")
    }
    dump = MongoDBCountedRead(facts.identity)
  }

  let version = "Coffer's own reader"
  let isRestored = false
  var target: RestoreTarget { RestoreTarget() }
  var replacement: (any PlannedRestore)? { dump }

  func findings(of facts: DumpFacts) throws -> DrillFindings { DrillFindings(content: dump.content) }

  func remove() {}
}

/// A restore that only reads.
private final class MongoDBCountedRead: PlannedRestore, RunningRestore {
  private let identity: DumpIdentity
  private let archive = Monitor(MongoDBArchive())

  init(_ identity: DumpIdentity) {
    self.identity = identity
  }

  let wantsFolder = false
  var summary: String { "\(identity.title), read to its end" }
  var content: DumpContent? { archive.update { $0.content } }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore { self }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    let missing = archive.update { archive in
      archive.feed(bytes)
      return archive.fault
    }
    if let missing { throw DrillError.different(identity, [missing]) }
  }

  func finish() throws -> [String] {
    if let missing = archive.update({ $0.missing }) { throw DrillError.different(identity, [missing]) }
    return []
  }

  func abandon() {}
}
