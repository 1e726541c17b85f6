import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// A JSON value, for outcomes whose keys others have chosen.
indirect enum JSONValue: Encodable, Sendable, Equatable {
  case null
  case bool(Bool)
  case number(Int)
  case real(Double)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])

  init(_ text: String?) {
    self = text.map { .text($0) } ?? .null
  }

  init(_ number: Int?) {
    self = number.map { .number($0) } ?? .null
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    // JSON has no other numbers.
    case .real(let value): if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
    case .text(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// Sorted keys, plain slashes, one line.
  var rendered: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Quoting.jsonDocument(String(decoding: try encoder.encode(self), as: UTF8.self))
    } catch {
      preconditionFailure("every value can be encoded: \(error)")
    }
  }
}

/// The objects that several actions' JSON is made of; keys as borgmatic users' scripts expect them.
enum JSONShapes {
  static func repository(_ access: OpenRepository, lastModified: Date?) -> JSONValue {
    .object([
      "id": .text(access.repository.header.id), "location": .text(access.location.path),
      "label": .text(access.location.label ?? ""),
      "last_modified": lastModified.map { .text(Formats.isoTime($0)) } ?? .null,
    ])
  }

  /// An error: what happened, to what, and what to do next.
  static func failure(_ error: any Error) -> JSONValue {
    let diagnosis = Diagnosis(of: error)
    return .object([
      "status": .text("error"), "subject": .text(diagnosis.subject), "error": .text(diagnosis.problem),
      "suggestions": .list(diagnosis.suggestion.map { [.text($0)] } ?? []),
    ])
  }

  /// What a place was found to be able to do; null for what is not known.
  static func store(_ abilities: StoreAbilities) -> JSONValue {
    func known(_ answer: Bool?) -> JSONValue { answer.map { .bool($0) } ?? .null }
    return .object([
      "kind": .text(abilities.kind), "refuses_taken_names": known(abilities.refusesTakenNames),
      "reads_parts": known(abilities.readsParts), "keeps_own_times": known(abilities.keepsOwnTimes),
      "remarks": .list(abilities.remarks.map { .text($0) }),
    ])
  }

  static func encryption(_ access: OpenRepository) -> JSONValue {
    .object(["mode": .text(access.repository.header.mode.rawValue)])
  }

  /// An archive in a list.
  static func listed(_ archive: Archive, _ proofs: ProofHistory, _ pins: ArchivePins) -> JSONValue {
    .object([
      "archive": .text(archive.name), "barchive": .text(archive.name), "id": .text(archive.id),
      "name": .text(archive.name), "start": .text(Formats.isoTime(archive.draft.start)),
      "time": .text(Formats.isoTime(archive.draft.start)),
      "partial": .bool(archive.isPartial), "missing_dumps": .list(archive.draft.missingDumps.map { .text($0) }),
      "standing": .text(archive.standing.rawValue),
      "last_proof": proofs.lastProof(of: archive).map { .text(Formats.isoTime($0)) } ?? .null,
      "pinned": .bool(pins.isPinned(archive)), "pin": pin(pins.pin(of: archive)),
    ])
  }

  /// Why an archive is to stay; null where that is not known.
  static func pin(_ pin: ArchivePin?) -> JSONValue {
    guard let pin else { return .null }
    return .object([
      "time": .text(Formats.isoTime(pin.time)), "hostname": .text(pin.hostname), "username": .text(pin.username),
      "reason": .text(pin.reason),
    ])
  }

  /// An archive with everything known of it.
  static func detailed(_ archive: Archive) -> [String: JSONValue] {
    [
      "name": .text(archive.name), "id": .text(archive.id), "start": .text(Formats.isoTime(archive.draft.start)),
      "end": .text(Formats.isoTime(archive.end)),
      "duration": .real(archive.end.timeIntervalSince(archive.draft.start)),
      "comment": .text(archive.draft.comment), "label": .text(archive.draft.label),
      "reason": .text(archive.draft.reason), "tags": .list(archive.draft.tags.map { .text($0) }),
      "keep_until": archive.keepUntil.map { .text(Formats.isoTime($0)) } ?? .null,
      "hostname": .text(archive.draft.hostname),
      "username": .text(archive.draft.username),
      "command_line": .list(archive.draft.commandLine.map { .text($0) }),
      "partial": .bool(archive.isPartial), "standing": .text(archive.standing.rawValue),
      "missing_dumps": .list(archive.draft.missingDumps.map { .text($0) }),
      "stats": .object([
        "original_size": .number(Int(clamping: archive.statistics.originalSize)),
        "compressed_size": .number(Int(clamping: archive.statistics.storedSize)),
        "deduplicated_size": .number(Int(clamping: archive.statistics.storedSize)),
        "new_size": .number(Int(clamping: archive.statistics.newSize)),
        "nfiles": .number(Int(clamping: archive.statistics.itemCount)),
      ]),
    ]
  }

  static func dump(_ dump: DumpRecord) -> JSONValue {
    .object([
      "hook_name": .text(dump.hook), "data_source_name": .text(dump.database), "hostname": JSONValue(dump.hostname),
      "port": JSONValue(dump.port), "label": JSONValue(dump.label), "container": JSONValue(dump.container),
      "format": .text(dump.format), "client_version": JSONValue(dump.clientVersion),
      "server_version": JSONValue(dump.serverVersion), "size": .number(Int(clamping: dump.bytes)),
      "start": .text(Formats.isoTime(dump.start)), "end": .text(Formats.isoTime(dump.end)),
      "exit_status": .number(Int(clamping: dump.exitStatus)), "content": dump.content?.json ?? .null,
      "application_version": JSONValue(dump.applicationVersion),
      "replica_lag": dump.replicaLag.map { .real($0) } ?? .null, "base": dump.base.map { base($0) } ?? .null,
      "physical": dump.physical.map { physical($0) } ?? .null, "log": dump.log.map { log($0) } ?? .null,
      "oplog": dump.oplog.map { .object(["first": oplog($0.first), "last": oplog($0.last)]) } ?? .null,
    ])
  }

  static func physical(_ facts: PhysicalBackupFacts) -> JSONValue {
    .object(["checkpoint_lsn": .text(String(facts.checkpoint)), "end_lsn": .text(String(facts.end))])
  }

  static func oplog(_ mark: OplogMark) -> JSONValue {
    .object([
      "ts": .text(mark.time.text), "term": .number(Int(mark.term)),
      "time": .text(Formats.isoTime(Date(timeIntervalSince1970: Double(mark.time.seconds)))),
    ])
  }

  static func log(_ place: DumpLogPlace) -> JSONValue {
    .object([
      "file": .text(place.file), "position": .number(Int(clamping: place.position)), "gtid": JSONValue(place.gtid),
      "time": .text(Formats.isoTime(Date(timeIntervalSince1970: Double(place.time)))),
      "server": JSONValue(place.server),
    ])
  }

  private static func base(_ facts: BaseBackupFacts) -> JSONValue {
    .object([
      "system_identifier": .text(String(facts.systemIdentifier)), "timeline": .number(Int(facts.timeline)),
      "start_lsn": .text(facts.start.text), "end_lsn": .text(facts.end.text),
      "segment_size": .number(facts.segmentSize), "checksums": .bool(facts.hasChecksums),
      "tablespaces": .list(
        facts.tablespaces.map {
          .object(["oid": .number(Int($0.oid)), "location": .text($0.location.shown)])
        }),
    ])
  }

  static func cache(_ statistics: RepositoryStatistics) -> JSONValue {
    .object([
      "path": .text(""),
      "stats": .object([
        "total_size": .number(Int(clamping: statistics.totalSize)),
        "total_csize": .number(Int(clamping: statistics.storedSize)),
        "unique_size": .number(Int(clamping: statistics.uniqueSize)),
        "unique_csize": .number(Int(clamping: statistics.storedSize)),
        "total_chunks": .number(Int(clamping: statistics.uniqueChunks)),
        "total_unique_chunks": .number(Int(clamping: statistics.uniqueChunks)),
      ]),
    ])
  }
}
