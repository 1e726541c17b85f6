import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// The object `archives/<utc>-<16 hex>`: an archive as sealed and signed JSON.
enum ArchiveRecord {
  static let folder = "archives"

  /// Whether an object is named as records are; what is in it says more.
  static func isName(_ name: ObjectName) -> Bool {
    let parts = name.parts
    guard parts.count == 2, parts[0] == folder else { return false }
    let words = parts[1].parts(by: "-")
    guard words.count == 2, words.allSatisfy({ $0.utf8.count == 16 }) else { return false }
    return Hexadecimal.decode(words[1]) != nil
  }

  fileprivate struct Content: Codable {
    let id: String
    let name: String
    let hostname: String
    let username: String
    let commandLine: [String]
    let comment: String
    let tags: [String]
    /// These three only where somebody said them.
    let label: String?
    let reason: String?
    let configuration: String?
    let keepUntil: Date?
    let start: Date
    let end: Date
    let missingDumps: [String]
    let statistics: ArchiveStatistics
    /// The item list's stream reference, in hex.
    let items: String
    /// The round that the session saw; none in records of before there were rounds.
    let round: Int?
    /// Only of archives with base backups.
    let logs: [LogNeed]?
    /// In this machine's own copy only: see `Archive.writeOnlyKey`.
    var writeOnlyKey: String?

    /// Times that a calendar has, sizes that leave room for sums: a stolen key can sign any.
    var isPlausible: Bool {
      (0...RoundName.rounds.upperBound).contains(round ?? 0) && (logs?.count ?? 0) <= LogNeed.limit
        && [start, end, keepUntil ?? end].allSatisfy(PlausibleNumbers.isTime)
        && [statistics.itemCount, statistics.originalSize, statistics.newSize, statistics.storedSize]
          .allSatisfy(PlausibleNumbers.isSize)
    }
  }

  /// A record whose signature is right and whose content is none: it is not damaged, but was signed like that.
  struct Senseless: Error {
    let signer: Signer
    let error: RepositoryError
  }

  static func read(_ name: ObjectName, context: RepositoryContext) throws -> Archive {
    try named(context.store.get(name, limit: ObjectLimit.archive), name, context)
  }

  /// Reads a record that was listed, in one request.
  static func read(_ status: ObjectStatus, context: RepositoryContext) throws -> Archive {
    try named(context.store.get(status, limit: ObjectLimit.archive), status.name, context)
  }

  private static func named(_ bytes: [UInt8], _ name: ObjectName, _ context: RepositoryContext) throws -> Archive {
    do {
      return try open(bytes, name, context)
    } catch let error as Senseless {
      throw error.error
    }
  }

  /// - Throws: What `read` throws, and `Senseless` in place of that what it says.
  static func open(_ bytes: [UInt8], _ name: ObjectName, _ context: RepositoryContext) throws -> Archive {
    let payload: [UInt8]
    let signer: Signer
    do {
      (payload, signer) = try context.envelope.open(
        bytes, purpose: .archive, context: Array(name.path.utf8), signers: context.signers)
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(name, error)
    }
    guard name.parts.count == 2, var archive = decode(payload), archive.id == name.lastPart else {
      throw Senseless(signer: signer, error: context.damaged(name, "its content is not readable, or makes no sense"))
    }
    archive.writeOnlyKey = signer.role == .full ? nil : signer.id.description
    try context.checkCounts(archive)
    return archive
  }

  static func encode(_ archive: Archive) throws -> [UInt8] {
    Array(try RecordJSON.encoder.encode(Content(archive)))
  }

  private static func decode(_ payload: [UInt8]) -> Archive? {
    try? RecordJSON.decoder.decode(Content.self, from: Data(payload)).archive
  }

  /// Several archives as one text.
  static func encode(_ archives: [Archive]) throws -> [UInt8] {
    Array(try RecordJSON.encoder.encode(archives.map { Content($0) }))
  }

  /// - Returns: nil for what `encode` has not written.
  static func decodeAll(_ bytes: [UInt8]) -> [Archive]? {
    guard let contents = try? RecordJSON.decoder.decode([Content].self, from: Data(bytes)) else { return nil }
    let archives = contents.compactMap(\.archive)
    return archives.count == contents.count ? archives : nil
  }
}

extension ArchiveRecord.Content {
  init(_ archive: Archive) {
    var reference = ByteWriter()
    archive.items.encode(into: &reference)
    let draft = archive.draft
    self.init(
      id: archive.id, name: draft.name, hostname: draft.hostname, username: draft.username,
      commandLine: draft.commandLine, comment: draft.comment, tags: draft.tags,
      label: draft.label.isEmpty ? nil : draft.label, reason: draft.reason.isEmpty ? nil : draft.reason,
      configuration: draft.configuration.isEmpty ? nil : draft.configuration,
      keepUntil: draft.keepUntil, start: draft.start, end: archive.end, missingDumps: draft.missingDumps,
      statistics: archive.statistics,
      items: Hexadecimal.encode(reference.bytes), round: archive.round > 0 ? archive.round : nil,
      logs: draft.logNeeds.isEmpty ? nil : draft.logNeeds,
      writeOnlyKey: archive.writeOnlyKey)
  }

  /// nil when the items' reference is none.
  var archive: Archive? {
    guard isPlausible, let bytes = Hexadecimal.decode(items) else { return nil }
    let reference = try? bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      let reference = try StreamReference(from: &reader)
      try reader.finish()
      return reference
    }
    guard let reference else { return nil }
    let draft = ArchiveDraft(
      name: name, hostname: hostname, username: username, commandLine: commandLine, comment: comment, tags: tags,
      label: label ?? "", reason: reason ?? "",
      configuration: configuration ?? "", keepUntil: keepUntil, start: start, missingDumps: missingDumps,
      logNeeds: logs ?? [])
    var archive = Archive(id: id, draft: draft, end: end, statistics: statistics, items: reference)
    archive.writeOnlyKey = writeOnlyKey
    archive.round = round ?? 0
    return archive
  }
}
