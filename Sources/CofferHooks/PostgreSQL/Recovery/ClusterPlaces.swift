import CofferSystem
import Glibc

/// Where a cluster is to be laid down, looked at before anything is written.
public struct ClusterPlaces {
  let server: ServerPlace
  let tablespaces: [UInt32: LaidPlace]
  let plan: ClusterPlan

  /// What a server has in its folder as long as it runs.
  static let running: EntryName = "postmaster.pid"
  static let control = (folder: EntryName("global"), name: EntryName("pg_control"))
  static let links: EntryName = "pg_tblspc"

  /// Looks at the places.
  ///
  /// - Parameter owner: Whose the files are to be; nil for whose the folder is.
  /// - Throws: `ClusterError`; `UntrustedPlace`; `SystemError`.
  public init(_ plan: ClusterPlan, owner: ServerOwner?) throws {
    self.plan = plan
    server = try ServerPlace(plan.directory, owner: owner)
    let place = server.place
    let filled = place.state == .filled ? place.folder : nil
    if let filled {
      guard plan.isDelta else { throw ClusterError.notEmpty(plan.directory, isTablespace: false) }
      try Self.check(filled, plan)
    }
    var tablespaces: [UInt32: LaidPlace] = [:]
    for tablespace in plan.tablespaces {
      tablespaces[tablespace.number] = try Self.place(of: tablespace, plan, filled)
    }
    self.tablespaces = tablespaces
    if filled == nil { try LaidPlace.checkRoom(plan.size, in: [place] + tablespaces.values) }
  }

  public var owner: ServerOwner? { server.owner }

  /// Whether a cluster that is there is brought up to date.
  public var isDelta: Bool { server.place.state == .filled }

  /// What tablespaces go where, for people.
  public var tablespaceLines: [String] {
    plan.tablespaces.map { "\($0.number), which was at \($0.recorded), to \($0.location)" }
  }

  /// - Parameter folder: The data directory that is brought up to date.
  private static func place(
    of tablespace: ClusterPlan.Tablespace, _ plan: ClusterPlan, _ folder: Folder?
  ) throws -> LaidPlace {
    let path = tablespace.location
    guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(UInt8(ascii: "\n")) else {
      throw ClusterError.unfitPlace(path, problem: "A tablespace's place is an absolute path, without line breaks")
    }
    let others = [plan.directory] + plan.tablespaces.filter { $0.number != tablespace.number }.map(\.location)
    guard !others.contains(where: { path.isSame(as: $0) || path.begins(with: $0 + "/") || $0.begins(with: path + "/") })
    else {
      throw ClusterError.unfitPlace(path, problem: "A tablespace and the rest of the cluster would be in each other")
    }
    let place = try LaidPlace(path)
    guard place.state == .filled else { return place }
    let link = folder.flatMap { folder in
      try? folder.folder(links).link(EntryName(String(tablespace.number))).target
    }
    guard let link, link.elementsEqual(path.utf8) else { throw ClusterError.notEmpty(path, isTablespace: true) }
    return place
  }

  /// That a folder is of the cluster that it is to become, and no server is at work in it.
  private static func check(_ folder: Folder, _ plan: ClusterPlan) throws {
    guard try !folder.holds(running) else { throw ClusterError.running(plan.directory) }
    if try folder.holds(StagedFolder.marker) {
      let text = String(decoding: try folder.read(StagedFolder.marker, limit: 64), as: UTF8.self)
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
}
