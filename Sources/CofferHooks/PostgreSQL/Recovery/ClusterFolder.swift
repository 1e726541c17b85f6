import CofferSystem
import Glibc

/// A cluster that is being laid down from the tar archive of its base backup, written into this piece by piece.
///
/// Where its folder was not there, it appears when it is whole; where it was empty, it is empty again if it does not become so. A
/// cluster that is brought up to date has no `global/pg_control`, without which no server starts, until it is.
public final class ClusterFolder: ByteSink {
  private let places: ClusterPlaces
  /// The name of the folder where it was not there: until it is whole another than it is to have.
  private var stage: EntryName?
  private let root: LaidFolder
  private let writer: ClusterWriter
  private let reader: TarReader

  /// Makes what is missing.
  ///
  /// - Throws: `SystemError`; `UntrustedPlace`.
  public init(_ places: ClusterPlaces) throws {
    self.places = places
    let (plan, owner) = (places.plan, places.owner)
    let place = places.directory
    let folder: Folder
    if place.state == .missing {
      let stage = Folder.temporaryName(for: place.name)
      folder = try place.parent.makeFolder(stage)
      try folder.hand(to: owner)
      self.stage = stage
    } else {
      folder = try place.open(owner, isTablespace: false)
      try Self.begin(folder, place, plan)
    }
    root = LaidFolder(folder, owner: owner, isDelta: place.state == .filled)
    var tablespaces: [UInt32: LaidFolder] = [:]
    do {
      for (number, place) in places.tablespaces {
        tablespaces[number] = LaidFolder(
          try place.open(owner, isTablespace: true), owner: owner, isDelta: place.state == .filled)
      }
    } catch {
      if let stage { try place.parent.removeTree(stage) }
      if place.state == .empty { try folder.removeTree(ClusterPlaces.marker) }
      throw error
    }
    writer = ClusterWriter(plan, root, tablespaces)
    reader = TarReader(writer)
  }

  /// Keeps a second run out of a folder that was empty, and a server from starting in one that is half of one state and half of
  /// another.
  private static func begin(_ folder: Folder, _ place: ClusterPlaces.Place, _ plan: ClusterPlan) throws {
    let (marker, text) = (ClusterPlaces.marker, Array(String(plan.systemIdentifier).utf8))
    guard place.state == .filled else {
      let file = try folder.open(marker, flags: O_WRONLY | O_CREAT | O_EXCL)
      return try text.withUnsafeBytes { try file.writeAll($0, subject: folder.path(of: marker)) }
    }
    guard !folder.holds(ClusterPlaces.running) else { throw ClusterError.running(place.path) }
    try folder.replace(marker, with: text, isLasting: true)
    guard let global = try? folder.folder(ClusterPlaces.control.folder) else { return }
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
    if stage == nil { try root.folder.removeTree(ClusterPlaces.marker) }
    try synchronize(for: purpose)
    let place = places.directory
    if let stage {
      try place.parent.rename(stage, to: place.name)
      self.stage = place.name
    }
    try place.parent.synchronize()
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
    if let stage { try places.directory.parent.removeTree(stage) } else { try empty(root.folder, places.directory) }
    for (number, place) in places.tablespaces {
      guard let folder = writer.tablespaces[number]?.folder else { continue }
      try empty(folder, place)
    }
  }

  private func empty(_ folder: Folder, _ place: ClusterPlaces.Place) throws {
    guard place.state != .filled else { return }
    for name in try folder.names() { try folder.removeTree(name) }
    if place.state == .missing, place.parent.holds(place.name) { try place.parent.removeEmptyFolder(place.name) }
  }
}
