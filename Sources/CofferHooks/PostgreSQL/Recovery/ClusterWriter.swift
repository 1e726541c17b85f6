import CofferSystem

/// Puts the members of a base backup's tar archive where they belong.
///
/// The archive is what `BASE_BACKUP` sends: the members of a tablespace below `pg_tblspc/NUMBER`, and `tablespace_map` in place of the
/// links there.
final class ClusterWriter: TarReceiver {
  private let plan: ClusterPlan
  private let root: LaidFolder
  let tablespaces: [UInt32: LaidFolder]
  private var file: LaidFile?
  /// A small file that is looked at, or written last.
  private var held: (name: Held, bytes: [UInt8])?
  private var holdings: [Held: [UInt8]] = [:]

  private enum Held: String {
    case control = "global/pg_control"
    case version = "PG_VERSION"
    case label = "backup_label"
    case tablespaceMap = "tablespace_map"
    case settings = "postgresql.auto.conf"
    /// Of a server that was itself recovering.
    case standby = "standby.signal"
    case recovery = "recovery.signal"
  }

  /// Bytes of a file that is held.
  private static let heldLimit: UInt64 = 1 << 20

  init(_ plan: ClusterPlan, _ root: LaidFolder, _ tablespaces: [UInt32: LaidFolder]) {
    self.plan = plan
    self.root = root
    self.tablespaces = tablespaces
  }

  var folders: [Folder] { [root.folder] + tablespaces.values.map(\.folder) }

  func begin(_ member: TarMember) throws {
    let (folder, path) = try place(member)
    switch member.kind {
    case .folder:
      // The folder that all is in has no name there.
      if !path.isEmpty { try folder.makeFolder(path) }
    case .link(let target):
      guard isTablespaceLink(member, target) else {
        throw ClusterError.content("'\(Quoting.terminal(member.title))' is a link that is none of a tablespace")
      }
    case .file(let size):
      if folder === root, Self.isOfSocket(path) { return }
      guard folder === root, let name = Held(rawValue: member.title) else {
        file = try folder.open(path)
        return
      }
      guard size <= Self.heldLimit, holdings[name] == nil else {
        throw ClusterError.content("\(name.rawValue) is there twice, or too large")
      }
      held = (name, [])
    }
  }

  func take(_ bytes: UnsafeRawBufferPointer) throws {
    if held != nil { held?.bytes.append(contentsOf: bytes) } else { try file?.write(bytes) }
  }

  func endFile() throws {
    if let (name, bytes) = held { holdings[name] = bytes } else { try file?.finish() }
    held = nil
    file = nil
  }

  /// Which folder a member belongs to, and where in it.
  private func place(_ member: TarMember) throws -> (folder: LaidFolder, path: [EntryName]) {
    let path = member.path
    guard path.count > 2 || path.count == 2 && member.kind == .folder, path[0] == ClusterPlaces.links,
      let number = UInt32(path[1].description)
    else { return (root, path) }
    guard let folder = tablespaces[number], path[1] == EntryName(String(number)) else {
      throw ClusterError.content("it has files of the tablespace \(number), of which nothing else is known")
    }
    // Tablespaces go where the base backup says, unless they are mapped: nothing else may be put there.
    guard path.count == 2 || isOfTablespace(path[2]) else {
      throw ClusterError.content("it has files in the tablespace \(number) that no server has there")
    }
    return (folder, Array(path.dropFirst(2)))
  }

  /// Whether a server of the version has what is called so in the folder of a tablespace.
  private func isOfTablespace(_ name: EntryName) -> Bool {
    name.bytes.starts(with: "PG_\(plan.majorVersion)_".utf8)
  }

  /// Whether a file guards a socket of the running server, which has it in its folder.
  private static func isOfSocket(_ path: [EntryName]) -> Bool {
    path.count == 1 && path[0].bytes.starts(with: ".s.PGSQL.".utf8)
  }

  private func isTablespaceLink(_ member: TarMember, _ target: [UInt8]) -> Bool {
    plan.tablespaces.contains {
      member.path == [ClusterPlaces.links, EntryName(String($0.number))] && target.elementsEqual($0.recorded.utf8)
    }
  }

  // MARK: - The end

  func finish(for purpose: ClusterFolder.Purpose) throws {
    try check()
    try root.makeFolder([ClusterPlaces.links])
    for tablespace in plan.tablespaces {
      try root.makeLink([ClusterPlaces.links, EntryName(String(tablespace.number))], to: tablespace.location)
    }
    for name in [Held.version, .label] { try root.write(holdings[name] ?? [], to: [EntryName(name.rawValue)]) }
    if let map = holdings[.tablespaceMap] {
      try root.write(try mapped(map), to: [EntryName(Held.tablespaceMap.rawValue)])
    }
    switch purpose {
    case .recovery(let settings):
      try root.write((holdings[.settings] ?? []) + settings.utf8, to: [EntryName(Held.settings.rawValue)])
      try root.write([], to: [EntryName(Held.recovery.rawValue)])
    case .drill(let files):
      try root.write([], to: [EntryName(Held.settings.rawValue)])
      for (name, text) in files { try root.write(Array(text.utf8), to: [EntryName(name)]) }
    }
    for (_, folder) in tablespaces where folder.isDelta {
      try folder.removeOthers(isOfTablespace)
    }
    try root.makeFolder([ClusterPlaces.control.folder])
    if root.isDelta { try root.removeOthers { $0 != StagedFolder.marker } }
  }

  func writeControl() throws {
    try root.write(holdings[.control] ?? [], to: [ClusterPlaces.control.folder, ClusterPlaces.control.name])
  }

  private func check() throws {
    func text(_ name: Held) -> String { String(decoding: holdings[name] ?? [], as: UTF8.self).trimmed }
    for name in [Held.control, .version, .label] where holdings[name] == nil {
      throw ClusterError.content("it has no \(name.rawValue)")
    }
    guard text(.version).isSame(as: String(plan.majorVersion)) else {
      throw ClusterError.content("it is of another version than it should be")
    }
    let identifier = holdings[.control]?.withUnsafeBytes { WALControlFile($0) }?.systemIdentifier
    guard identifier == plan.systemIdentifier else {
      throw ClusterError.content("it is of another server than it should be")
    }
  }

  /// The map with the places that tablespaces have now; the server makes the links anew by it. A line has the number, a blank, and
  /// the path, in which a backslash stands before line breaks and backslashes.
  private func mapped(_ map: [UInt8]) throws -> [UInt8] {
    let lines = String(decoding: map, as: UTF8.self).lines()
    return Array(
      try lines.map { line in
        guard let number = line.parts(by: " ", limit: 2).first.flatMap({ UInt32($0) }),
          let tablespace = plan.tablespaces.first(where: { $0.number == number })
        else { throw ClusterError.content("its tablespace_map names a tablespace of which nothing else is known") }
        return "\(number) \(tablespace.location.swapping("\\", for: "\\\\"))\n"
      }.joined().utf8)
  }
}
