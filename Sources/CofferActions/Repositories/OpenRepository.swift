import CofferRepository
import CofferStorage
import CofferSystem

/// A repository that is open, and how it is called.
struct OpenRepository: Sendable {
  let location: RepositoryLocation
  let repository: Repository
  /// Where it is kept.
  let store: any ObjectStore

  /// The servers of a system of whose logs there is any, each once.
  ///
  /// - Throws: `StorageError`; `RepositoryError`.
  func logServers(of system: String) throws -> [LogServer] {
    try repository.logs().compactMap(\.origin?.server).reduce(into: []) { servers, server in
      if server.system.isSame(as: system), !servers.contains(server) { servers.append(server) }
    }
  }

  /// Finds an archive to be read, by name, id, or `latest`: the newest that the filter sees and that counts, or may count if
  /// none does for sure.
  ///
  /// - Throws: `RepositoryError.noSuchArchive`, `.voidArchive`; `NoArchiveSeen`; `UnreadArchive`.
  func archive(_ name: String, _ filter: ArchiveFilter) throws -> Archive {
    let archive = try anyArchive(name, filter)
    guard archive.standing != .void else { throw RepositoryError.voidArchive(archive.name, location: location.path) }
    return archive
  }

  /// Finds an archive as `archive` does, but also a void one that is named: to show it, or to take it away.
  ///
  /// - Throws: `RepositoryError.noSuchArchive`; `NoArchiveSeen`; `UnreadArchive`.
  func anyArchive(_ name: String, _ filter: ArchiveFilter) throws -> Archive {
    let (archives, passedOver) = try repository.listArchives()
    let inDoubt = archives.filter { $0.standing == .undecided }
    let certain = archives.filter { $0.standing == .counts }
    if name == "latest", let newest = certain.last ?? inDoubt.last {
      guard let found = try certain.last(where: filter.sees) ?? inDoubt.last(where: filter.sees) else {
        throw NoArchiveSeen(repository: location.path, wanted: filter.title, newest: newest.name)
      }
      try refuseUnread(passedOver, newerThan: found, before: filter.last)
      return found
    }
    // Of several archives of one name the newest that counts is meant; an id means one archive.
    let exact = archives.filter { $0.name == name || $0.id == name }
    let named = exact.isEmpty ? try archives.filter(isMeant(by: name, among: archives)) : exact
    guard
      let found = named.last(where: { $0.id == name }) ?? named.last(where: { $0.standing != .void }) ?? named.last
    else {
      guard passedOver.isEmpty else {
        throw UnreadArchive(repository: location.path, count: passedOver.count, meaning: .named(name))
      }
      throw RepositoryError.noSuchArchive(name, location: location.path)
    }
    return found
  }

  /// Refuses the newest archive that can be read where a newer one cannot: it is another state than the one that is meant.
  ///
  /// - Parameters:
  ///   - passedOver: The ids of those that cannot be read. Whose they are nobody knows.
  ///   - last: The last moment at which what is meant may have been begun; nil for any.
  /// - Throws: `UnreadArchive`.
  func refuseUnread(
    _ passedOver: [String], newerThan found: Archive, before last: Moment? = nil
  ) throws(UnreadArchive) {
    let own = ArchiveID.time(of: found.id)
    let newer = passedOver.filter { id in
      guard let time = ArchiveID.time(of: id) else { return false }
      return own.map { $0 <= time } != false && last.map { time <= $0.date } != false
    }
    guard newer.isEmpty else {
      throw UnreadArchive(repository: location.path, count: newer.count, meaning: .latest(readable: found.name))
    }
  }
}

extension OpenRepository {
  private static let shortestID = 6

  /// Whether an archive is the only one whose id, or the part of it behind the time, begins like this.
  ///
  /// - Throws: `AmbiguousArchive`.
  private func isMeant(by beginning: String, among archives: [Archive]) throws -> (Archive) -> Bool {
    guard beginning.utf8.count >= Self.shortestID else { return { _ in false } }
    let isMeant = { (archive: Archive) in
      archive.id.begins(with: beginning)
        || archive.id.parts(by: "-", limit: 2).dropFirst().contains { $0.begins(with: beginning) }
    }
    let found = archives.filter(isMeant)
    guard found.count < 2 else {
      throw AmbiguousArchive(repository: location.path, beginning: beginning, names: found.map(\.name))
    }
    return isMeant
  }
}

/// Several archives have ids that begin alike.
struct AmbiguousArchive: DiagnosableError, Equatable {
  let repository: String
  let beginning: String
  let names: [String]

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "archive \(beginning)",
      problem: "The ids of \(names.count) archives of \(repository) begin like this: \(names.joined(separator: ", "))",
      suggestion: "Write more of the id, or the name")
  }
}

/// All archives of a repository have names that are not looked at.
struct NoArchiveSeen: DiagnosableError, Equatable {
  let repository: String
  /// The archives that were looked for, as it follows "none".
  let wanted: String
  let newest: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(repository)",
      problem: "It holds archives, but none\(wanted); the newest is \(newest)",
      suggestion: "Name an archive, or add --match-archives '*'")
  }
}
