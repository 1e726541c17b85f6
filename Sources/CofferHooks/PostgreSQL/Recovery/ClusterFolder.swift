import CofferSystem
import Glibc

/// A cluster that is being laid down from the tar archive of its base backup, written into this piece by piece.
///
/// Where its folder was not there, it appears when it is whole; where it was empty, it is empty again if it does not become so. A
/// cluster that is brought up to date has no `global/pg_control`, without which no server starts, until it is.
public final class ClusterFolder: LaidServer {
  private let places: ClusterPlaces
  private let staged: StagedFolder
  private let root: LaidFolder
  private let writer: ClusterWriter
  private let reader: TarReader

  /// Makes what is missing.
  ///
  /// - Throws: `SystemError`; `UntrustedPlace`.
  public init(_ places: ClusterPlaces) throws {
    self.places = places
    let (plan, owner) = (places.plan, places.owner)
    staged = try StagedFolder(places.server, mark: String(plan.systemIdentifier))
    if places.isDelta { try Self.begin(staged.folder, plan) }
    root = LaidFolder(staged.folder, owner: owner, isDelta: places.isDelta)
    var tablespaces: [UInt32: LaidFolder] = [:]
    do {
      for (number, place) in places.tablespaces {
        tablespaces[number] = LaidFolder(
          try place.open(owner, isTablespace: true), owner: owner, isDelta: place.state == .filled)
      }
    } catch {
      try staged.abandon()
      throw error
    }
    writer = ClusterWriter(plan, root, tablespaces)
    reader = TarReader(writer)
  }

  /// Keeps a server from starting in a folder that is half of one state and half of another.
  private static func begin(_ folder: Folder, _ plan: ClusterPlan) throws {
    guard try !folder.holds(ClusterPlaces.running) else { throw ClusterError.running(plan.directory) }
    try folder.replace(StagedFolder.marker, with: Array(String(plan.systemIdentifier).utf8), isLasting: true)
    guard try folder.holds(ClusterPlaces.control.folder) else { return }
    let global = try folder.folder(ClusterPlaces.control.folder)
    try global.removeTree(ClusterPlaces.control.name)
    try global.synchronize()
  }

  /// - Throws: `TarError`; `ClusterError`; `SystemError`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws { try reader.write(bytes) }

  /// What a cluster is laid down for.
  public enum Purpose: Sendable {
    /// To be recovered by these lines, added to `postgresql.auto.conf`; everything is on the disk then.
    case recovery(settings: String)
    /// To be brought to its own end and be thrown away: nothing that the server was configured with, and these files.
    case drill(files: [String: String])
  }

  /// Makes it whole, and puts the folder at its place.
  ///
  /// - Throws: `TarError`; `ClusterError`; `SystemError`.
  public func finish(for purpose: Purpose) throws {
    try reader.finish()
    try writer.finish(for: purpose)
    try synchronize(for: purpose)
    // Without it no server starts, so it comes to the disk behind all else.
    try writer.writeControl()
    try staged.unmark()
    try synchronize(for: purpose)
    try staged.publish()
    for tablespace in places.tablespaces.values { try tablespace.parent.synchronize() }
  }

  private func synchronize(for purpose: Purpose) throws {
    guard case .recovery = purpose else { return }
    for folder in writer.folders { try folder.synchronizeFileSystem() }
  }

  /// Takes away what was laid down, unless it was brought up to date: that stays as it is, to be gone on with.
  ///
  /// - Throws: `SystemError` of the first that cannot be removed.
  public func abandon() throws {
    try staged.abandon()
    for (number, place) in places.tablespaces {
      if let folder = writer.tablespaces[number]?.folder { try place.empty(folder) }
    }
  }
}
