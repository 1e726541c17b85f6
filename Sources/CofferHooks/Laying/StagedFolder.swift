import CofferSystem
import Glibc

/// The data directory of a server that is being laid down. Where its folder was not there, it appears when it is whole; where it was empty,
/// it is empty again if it does not become so.
final class StagedFolder {
  let place: LaidPlace
  let folder: Folder
  /// The name of the folder where it was not there: until it is whole another than it is to have.
  private var stage: EntryName?

  /// Of a folder that was there, which a run has begun with and not come to the end of: which server's it is to be.
  static let marker: EntryName = "coffer-restore.unfinished"

  /// Makes what is missing.
  ///
  /// - Parameter mark: What the marker says.
  /// - Throws: `ClusterError`; `SystemError`; `UntrustedPlace`.
  init(_ server: ServerPlace, mark: String) throws {
    place = server.place
    guard place.state == .missing else {
      folder = try place.open(server.owner)
      guard place.state == .empty else { return }
      // Keeps a second run out.
      let file = try folder.open(Self.marker, flags: O_WRONLY | O_CREAT | O_EXCL)
      try Array(mark.utf8).withUnsafeBytes { try file.writeAll($0, subject: folder.path(of: Self.marker)) }
      return
    }
    let stage = Folder.temporaryName(for: place.name)
    folder = try place.parent.makeFolder(stage)
    try folder.hand(to: server.owner)
    self.stage = stage
  }

  /// Takes the mark away of one that is whole.
  func unmark() throws {
    if stage == nil { try folder.removeTree(Self.marker) }
  }

  /// Gives it its name, for good.
  func publish() throws {
    if let stage {
      try place.parent.rename(stage, to: place.name)
      self.stage = place.name
    }
    try place.parent.synchronize()
  }

  /// Takes away what was laid down, unless it was brought up to date: that stays as it is, to be gone on with.
  ///
  /// - Throws: `SystemError` of the first that cannot be removed.
  func abandon() throws {
    if let stage { try place.parent.removeTree(stage) } else { try place.empty(folder) }
  }
}
