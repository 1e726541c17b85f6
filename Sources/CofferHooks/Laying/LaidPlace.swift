import CofferSystem
import Glibc

/// Where a folder of a server's is to be laid down, looked at before anything is written.
public struct LaidPlace {
  enum State: Equatable {
    case missing
    case empty
    /// What of the same server may be brought up to date.
    case filled
  }

  let parent: Folder
  let name: EntryName
  let path: String
  let state: State
  /// The folder, where there is one.
  let folder: Folder?

  /// - Parameter path: Absolute, without a `/` at its end.
  /// - Throws: `ClusterError`; `UntrustedPlace`; `SystemError`.
  init(_ path: String) throws {
    let file = try FilePlace(path)
    (parent, name, self.path) = (file.folder, file.name, path)
    guard try parent.holds(name) else {
      (state, folder) = (.missing, nil)
      return
    }
    guard try parent.status(of: name).st_mode & S_IFMT == S_IFDIR else {
      throw ClusterError.unfitPlace(path, problem: "This is a link, or no folder. Name the folder itself")
    }
    let folder = try parent.folder(name)
    self.folder = folder
    state = try folder.names().isEmpty ? .empty : .filled
  }

  /// Opens the folder, which is made where it is missing. Since it was looked at, others may have written there.
  func open(_ owner: ServerOwner?, isTablespace: Bool = false) throws -> Folder {
    let folder = try state == .missing ? parent.makeFolder(name) : parent.folder(name)
    guard try state != .empty || folder.names().isEmpty else {
      throw ClusterError.notEmpty(path, isTablespace: isTablespace)
    }
    try folder.hand(to: owner)
    return folder
  }

  /// Takes away what was laid down in the folder, unless it was brought up to date, and the folder where it was not there.
  func empty(_ folder: Folder) throws {
    guard state != .filled else { return }
    for name in try folder.names() { try folder.removeTree(name) }
    if state == .missing, try parent.holds(name) { try parent.removeEmptyFolder(name) }
  }

  /// What goes to which file system is not known before it is read; all of them together have to have room.
  ///
  /// - Throws: `ClusterError.noRoom`, which names the first of the places; `SystemError`.
  static func checkRoom(_ size: UInt64, in places: [LaidPlace]) throws {
    var free: [dev_t: UInt64] = [:]
    for place in places {
      let folder = place.folder ?? place.parent
      free[try folder.status().st_dev] = try folder.freeBytes()
    }
    let all = free.values.reduce(UInt64(0)) { $0.addingReportingOverflow($1).partialValue }
    guard all >= size else { throw ClusterError.noRoom(places.first?.path ?? "", needed: size, free: all) }
  }
}

/// Where the data directory of a server is to be, and whose its files are to be.
public struct ServerPlace {
  public let place: LaidPlace
  public let owner: ServerOwner?

  /// Looks at the place.
  ///
  /// - Parameters:
  ///   - directory: Absolute, without a `/` at its end.
  ///   - owner: Whose the files are to be; nil for whose the folder is.
  /// - Throws: `ClusterError`; `UntrustedPlace`; `SystemError`.
  public init(_ directory: String, owner: ServerOwner?) throws {
    place = try LaidPlace(directory)
    if let owner, geteuid() != 0, owner.user != geteuid() { throw ClusterError.notOurs(directory) }
    self.owner =
      try geteuid() == 0
      ? owner ?? ServerOwner.owner(of: (place.folder ?? place.parent).status(), directory) : nil
  }

  /// - Throws: `ClusterError` unless nothing is there that would be lost, and there is room; `SystemError`.
  public func check(size: UInt64) throws {
    guard place.state != .filled else { throw ClusterError.notEmpty(place.path, isTablespace: false) }
    try LaidPlace.checkRoom(size, in: [place])
  }
}

extension Folder {
  /// Makes it its owner's alone.
  ///
  /// - Throws: `SystemError`.
  func hand(to owner: ServerOwner?) throws(SystemError) {
    try owner?.own(number, path)
    guard fchmod(number, 0o700) == 0 else { throw SystemError(call: "chmod", subject: path) }
  }
}
