import CofferSystem
import Glibc

/// Where a cluster is to be laid down, looked at before anything is written.
public struct ClusterPlaces {
  enum State: Equatable {
    case missing
    case empty
    /// What `isDelta` brings up to date.
    case filled
  }

  struct Place {
    let parent: Folder
    let name: EntryName
    let path: String
    let state: State

    /// Opens the folder, which is made where it is missing. Since it was looked at, others may have written there.
    func open(_ owner: ClusterOwner?, isTablespace: Bool) throws -> Folder {
      let folder = try state == .missing ? parent.makeFolder(name) : parent.folder(name)
      guard try state != .empty || folder.names().isEmpty else {
        throw ClusterError.notEmpty(path, isTablespace: isTablespace)
      }
      try folder.hand(to: owner)
      return folder
    }
  }

  let directory: Place
  let tablespaces: [UInt32: Place]
  let plan: ClusterPlan
  public let owner: ClusterOwner?

  /// Of a folder that was there, which a run has begun with and not come to the end of: which server's it is to be.
  static let marker: EntryName = "coffer-restore.unfinished"
  /// What a server has in its folder as long as it runs.
  static let running: EntryName = "postmaster.pid"
  static let control = (folder: EntryName("global"), name: EntryName("pg_control"))
  static let links: EntryName = "pg_tblspc"

  /// Looks at the places.
  ///
  /// - Parameter owner: Whose the files are to be; nil for whose the folder is.
  /// - Throws: `ClusterError`; `UntrustedPlace`; `SystemError`.
  public init(_ plan: ClusterPlan, owner: ClusterOwner?) throws {
    self.plan = plan
    let (place, folder) = try Self.place(plan.directory)
    if let owner, geteuid() != 0, owner.user != geteuid() { throw ClusterError.notOurs(plan.directory) }
    self.owner =
      try geteuid() == 0
      ? owner ?? ClusterOwner.owner(of: (folder ?? place.parent).status(), plan.directory) : nil
    if place.state == .filled, let folder {
      guard plan.isDelta else { throw ClusterError.notEmpty(plan.directory, isTablespace: false) }
      try Self.check(folder, plan)
    }
    directory = place
    var tablespaces: [UInt32: Place] = [:]
    for tablespace in plan.tablespaces {
      tablespaces[tablespace.number] = try Self.place(of: tablespace, plan, place.state == .filled ? folder : nil)
    }
    self.tablespaces = tablespaces
    try checkRoom()
  }

  /// Whether a cluster that is there is brought up to date.
  public var isDelta: Bool { directory.state == .filled }

  /// What tablespaces go where, for people.
  public var tablespaceLines: [String] {
    plan.tablespaces.map { "\($0.number), which was at \($0.recorded), to \($0.location)" }
  }

  /// - Returns: The folder, where there is one.
  private static func place(_ path: String) throws -> (place: Place, folder: Folder?) {
    let file = try FilePlace(path)
    guard file.folder.holds(file.name) else {
      return (Place(parent: file.folder, name: file.name, path: path, state: .missing), nil)
    }
    guard try file.folder.status(of: file.name).st_mode & S_IFMT == S_IFDIR else {
      throw ClusterError.unfitPlace(path, problem: "This is a link, or no folder. Name the folder itself")
    }
    let folder = try file.folder.folder(file.name)
    let state: State = try folder.names().isEmpty ? .empty : .filled
    return (Place(parent: file.folder, name: file.name, path: path, state: state), folder)
  }

  /// - Parameter folder: The data directory that is brought up to date.
  private static func place(
    of tablespace: ClusterPlan.Tablespace, _ plan: ClusterPlan, _ folder: Folder?
  ) throws -> Place {
    let path = tablespace.location
    guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(UInt8(ascii: "\n")) else {
      throw ClusterError.unfitPlace(path, problem: "A tablespace's place is an absolute path, without line breaks")
    }
    let others = [plan.directory] + plan.tablespaces.filter { $0.number != tablespace.number }.map(\.location)
    guard !others.contains(where: { path.isSame(as: $0) || path.begins(with: $0 + "/") || $0.begins(with: path + "/") })
    else {
      throw ClusterError.unfitPlace(path, problem: "A tablespace and the rest of the cluster would be in each other")
    }
    let place = try Self.place(path).place
    guard place.state == .filled else { return place }
    let link = folder.flatMap { folder in
      try? folder.folder(links).link(EntryName(String(tablespace.number))).target
    }
    guard let link, link.elementsEqual(path.utf8) else { throw ClusterError.notEmpty(path, isTablespace: true) }
    return place
  }

  /// That a folder is of the cluster that it is to become, and no server is at work in it.
  private static func check(_ folder: Folder, _ plan: ClusterPlan) throws {
    guard !folder.holds(running) else { throw ClusterError.running(plan.directory) }
    if folder.holds(marker) {
      let text = String(decoding: try folder.read(marker, limit: 64), as: UTF8.self)
      guard text.isSame(as: String(plan.systemIdentifier)) else {
        throw ClusterError.otherCluster(plan.directory, detail: "another one was begun to be laid down here")
      }
      return
    }
    guard let identifier = try WALFile.systemIdentifier(of: plan.directory) else {
      throw ClusterError.otherCluster(plan.directory, detail: "this is none's")
    }
    guard identifier == plan.systemIdentifier else {
      throw ClusterError.otherCluster(
        plan.directory, detail: "this is of the server \(identifier), and the base backup of \(plan.systemIdentifier)")
    }
  }

  /// What goes to which file system is not known before it is read; all of them together have to have room.
  private func checkRoom() throws {
    guard directory.state != .filled else { return }
    var free: [dev_t: UInt64] = [:]
    for place in [directory] + tablespaces.values {
      let folder = try place.state == .missing ? place.parent : place.parent.folder(place.name)
      free[try folder.status().st_dev] = try folder.freeBytes()
    }
    let all = free.values.reduce(UInt64(0)) { $0.addingReportingOverflow($1).partialValue }
    guard all >= plan.size else { throw ClusterError.noRoom(plan.directory, needed: plan.size, free: all) }
  }
}

extension Folder {
  /// Makes it its owner's alone.
  ///
  /// - Throws: `SystemError`.
  func hand(to owner: ClusterOwner?) throws(SystemError) {
    try owner?.own(number, path)
    guard fchmod(number, 0o700) == 0 else { throw SystemError(call: "chmod", subject: path) }
  }
}
