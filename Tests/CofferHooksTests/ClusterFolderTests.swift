import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("A cluster laid down from its base backup")
struct ClusterFolderTests {
  private let place = "/tmp/coffer-cluster-\(UUID().uuidString.prefix(8))"
  private static let identifier: UInt64 = 7_421_000_000_000_000_001
  private static let settings = "\nrestore_command = 'x'\n"

  private var directory: String { "\(place)/data" }
  private var space: String { "\(place)/new space" }
  private let owner: ServerOwner?

  init() throws {
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    owner =
      try geteuid() == 0
      ? {
        let user = try #require(UserAccount.numbers(of: "nobody"));
        return ServerOwner(user: user.user, group: user.group)
      }()
      : nil
  }

  private func remove() { try? FileManager.default.removeItem(atPath: place) }

  private static func control(_ identifier: UInt64 = identifier) -> [UInt8] {
    var bytes = withUnsafeBytes(of: identifier) { Array($0) } + withUnsafeBytes(of: UInt32(1300)) { Array($0) }
    bytes += [UInt8](repeating: 0, count: 8192 - bytes.count)
    return bytes
  }

  private static let table = (0..<5 * 8192).map { UInt8(truncatingIfNeeded: $0 / 100) }

  /// In the order in which a server sends them.
  private func members(table: [UInt8] = table, identifier: UInt64 = identifier) -> [(name: String, bytes: [UInt8]?)] {
    [
      ("pg_tblspc/16384/PG_15_202209061", nil), ("pg_tblspc/16384/PG_15_202209061/5", nil),
      ("pg_tblspc/16384/PG_15_202209061/5/16385", Array("row in a tablespace".utf8)),
      ("backup_label", Array("START WAL LOCATION\n".utf8)),
      ("tablespace_map", Array("16384 /srv/old space\n".utf8)), ("pg_wal", nil), ("pg_wal/archive_status", nil),
      ("base", nil), ("base/5", nil), ("base/5/1259", table), ("base/5/PG_VERSION", Array("15\n".utf8)),
      ("pg_tblspc", nil), ("global", nil), ("global/1262", Array("databases".utf8)), ("empty", []),
      ("postgresql.auto.conf", Array("work_mem = '4MB'".utf8)), ("standby.signal", []),
      (".s.PGSQL.5432.lock", Array("1".utf8)),
      ("PG_VERSION", Array("15\n".utf8)), ("global/pg_control", Self.control(identifier)),
      ("pg_wal/000000010000000000000002", [UInt8](repeating: 9, count: 70_000)),
      ("backup_manifest", Array("{}".utf8)),
    ]
  }

  private func tar(_ members: [(name: String, bytes: [UInt8]?)]) -> [UInt8] {
    members.flatMap { BaseBackupTarTests.member($0.name, $0.bytes ?? [], kind: $0.bytes == nil ? "5" : "0") }
      + [UInt8](repeating: 0, count: 1024)
  }

  private func plan(isDelta: Bool = false, space: String? = nil, size: UInt64 = 1 << 20) -> ClusterPlan {
    ClusterPlan(
      directory: directory,
      tablespaces: [.init(number: 16384, recorded: "/srv/old space", location: space ?? self.space)],
      isDelta: isDelta, systemIdentifier: Self.identifier, majorVersion: 15, size: size)
  }

  private func layDown(_ tar: [UInt8], isDelta: Bool = false) throws {
    let folder = try ClusterFolder(ClusterPlaces(plan(isDelta: isDelta), owner: owner))
    do {
      for start in stride(from: 0, to: tar.count, by: 10_000) {
        try tar[start..<min(start + 10_000, tar.count)].withUnsafeBytes { try folder.write($0) }
      }
      try folder.finish(for: .recovery(settings: Self.settings))
    } catch {
      try folder.abandon()
      throw error
    }
  }

  /// Every file below a folder; folders have no content, links begin with an arrow.
  private func tree(_ path: String) throws -> [String: [UInt8]?] {
    var found: [String: [UInt8]?] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
      var facts = stat()
      #expect(lstat("\(path)/\(name)", &facts) == 0)
      #expect(facts.st_uid == owner?.user ?? geteuid())
      switch facts.st_mode & S_IFMT {
      case S_IFDIR:
        #expect(facts.st_mode & 0o7777 == 0o700, "\(name)")
        found[name] = .some(nil)
      case S_IFLNK:
        found[name] = Array("-> \(try FileManager.default.destinationOfSymbolicLink(atPath: "\(path)/\(name)"))".utf8)
      default:
        #expect(facts.st_mode & 0o7777 == 0o600, "\(name)")
        found[name] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
      }
    }
    return found
  }

  private func expected(_ members: [(name: String, bytes: [UInt8]?)]) -> [String: [UInt8]?] {
    var files: [String: [UInt8]?] = [:]
    for (name, bytes) in members
    where !name.hasPrefix("pg_tblspc/") && !["standby.signal", ".s.PGSQL.5432.lock"].contains(name) {
      files[name] = .some(bytes)
    }
    files["postgresql.auto.conf"] = Array(("work_mem = '4MB'" + Self.settings).utf8)
    files["tablespace_map"] = Array("16384 \(space)\n".utf8)
    files["pg_tblspc/16384"] = Array("-> \(space)".utf8)
    files["recovery.signal"] = .some([])
    return files
  }

  private func expectWhole(_ members: [(name: String, bytes: [UInt8]?)]) throws {
    #expect(try tree(directory) == expected(members))
    let files: [String: [UInt8]?] = [
      "PG_15_202209061": nil, "PG_15_202209061/5": nil,
      "PG_15_202209061/5/16385": Array("row in a tablespace".utf8),
    ]
    #expect(try tree(space) == files)
  }

  @Test(
    "Every file is there with its bytes, tablespaces at their new place, and the settings", arguments: [true, false])
  func whole(isThere: Bool) throws {
    defer { remove() }
    if isThere { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }
    try layDown(tar(members()))
    try expectWhole(members())
    #expect(try FileManager.default.contentsOfDirectory(atPath: place).sorted() == ["data", "new space"])
    // Nothing is written where something is.
    #expect(throws: ClusterError.notEmpty(directory, isTablespace: false)) { try layDown(tar(members())) }
    try expectWhole(members())
  }

  @Test("What is no whole base backup of the server leaves nothing behind", arguments: [true, false])
  func nothing(isThere: Bool) throws {
    defer { remove() }
    if isThere { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }
    let whole = members()
    let link = BaseBackupTarTests.member("pg_wal/x", [], kind: "2")
    var broken: [[UInt8]] = [
      Array(tar(whole).dropLast(3000)), tar(members(identifier: 5)), link + tar(whole),
      tar([("pg_tblspc/99/x/y", [1])] + whole), tar([("pg_tblspc/16384/x.conf", [1])] + whole),
      tar([("pg_tblspc/16384/PG_14_1/x", [1])] + whole), tar(whole + [("base/5/1259", [1])]),
      tar(whole.map { $0.name == "tablespace_map" ? ($0.name, Array("99 /elsewhere\n".utf8)) : $0 }),
      tar(whole.map { $0.name == "PG_VERSION" ? ($0.name, Array("14\n".utf8)) : $0 }),
    ]
    for name in ["backup_label", "global/pg_control", "PG_VERSION"] {
      broken.append(tar(whole.filter { $0.name != name }))
    }
    for (number, bytes) in broken.enumerated() {
      #expect(throws: (any Error).self, "\(number)") { try layDown(bytes) }
      #expect(try FileManager.default.subpathsOfDirectory(atPath: place) == (isThere ? ["data"] : []), "\(number)")
    }
  }

  @Test("What was written at a place since it was looked at stays, and no second run begins there")
  func meanwhile() throws {
    defer { remove() }
    func write(_ path: String) throws { try Data([1]).write(to: URL(fileURLWithPath: path)) }
    for path in [directory, space] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    let looked = try ClusterPlaces(plan(), owner: owner)
    for (path, isTablespace) in [(directory, false), (space, true)] {
      try write("\(path)/others")
      #expect(throws: ClusterError.notEmpty(path, isTablespace: isTablespace)) { try ClusterFolder(looked) }
      #expect(try FileManager.default.subpathsOfDirectory(atPath: place).contains { $0.hasSuffix("/others") })
      try FileManager.default.removeItem(atPath: "\(path)/others")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
    let first = try ClusterFolder(looked)
    #expect(throws: ClusterError.notEmpty(directory, isTablespace: false)) { try ClusterFolder(looked) }
    try tar(members()).withUnsafeBytes { try first.write($0) }
    try first.finish(for: .recovery(settings: Self.settings))
    try expectWhole(members())
    let over = try ClusterPlaces(plan(isDelta: true), owner: owner)
    try write("\(directory)/postmaster.pid")
    #expect(throws: ClusterError.running(directory)) { try ClusterFolder(over) }
    try FileManager.default.removeItem(atPath: "\(directory)/postmaster.pid")
    try expectWhole(members())
  }

  private func stamp(_ path: String) {
    var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
    utimensat(AT_FDCWD, path, &times, 0)
  }

  private func isStamped(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && facts.st_mtim.tv_sec == 1000
  }

  @Test("Over the same server's folder only what differs is written, and what is not the backup's goes")
  func delta() throws {
    defer { remove() }
    try layDown(tar(members()))
    var other = Self.table
    other[3 * 8192 + 7] ^= 1
    let changed = members(table: other + [1, 2, 3])
    for name in ["base/5/1259", "base/5/PG_VERSION", "pg_wal/000000010000000000000002"] {
      stamp("\(directory)/\(name)")
    }
    // What a server has done meanwhile.
    try Data([1, 2]).write(to: URL(fileURLWithPath: "\(directory)/base/5/new"))
    try FileManager.default.createDirectory(atPath: "\(directory)/base/6/x", withIntermediateDirectories: true)
    try Data([1, 2]).write(to: URL(fileURLWithPath: "\(directory)/pg_wal/000000010000000000000003"))
    try Data([1, 2]).write(to: URL(fileURLWithPath: "\(space)/PG_15_202209061/5/new"))
    try FileManager.default.removeItem(atPath: "\(directory)/global/1262")
    // Links do not lead anything elsewhere.
    try Data("outside".utf8).write(to: URL(fileURLWithPath: "\(place)/outside"))
    try FileManager.default.removeItem(atPath: "\(directory)/empty")
    symlink("\(place)/outside", "\(directory)/empty")
    try layDown(tar(changed), isDelta: true)
    try expectWhole(changed)
    #expect(isStamped("\(directory)/base/5/PG_VERSION") && isStamped("\(directory)/pg_wal/000000010000000000000002"))
    #expect(!isStamped("\(directory)/base/5/1259"))
    #expect(try String(contentsOfFile: "\(place)/outside", encoding: .utf8) == "outside")
    // A file that becomes shorter, and folders in the place of files and the other way round.
    let shorter = members(table: Array(Self.table[..<100]))
    try FileManager.default.removeItem(atPath: "\(directory)/global/1262")
    try FileManager.default.createDirectory(atPath: "\(directory)/global/1262/x", withIntermediateDirectories: true)
    try FileManager.default.removeItem(atPath: "\(directory)/pg_wal/archive_status")
    link("\(place)/outside", "\(directory)/pg_wal/archive_status")
    try layDown(tar(shorter), isDelta: true)
    try expectWhole(shorter)
    #expect(try String(contentsOfFile: "\(place)/outside", encoding: .utf8) == "outside")
  }

  @Test("A folder that was not brought up to date whole starts no server, and can be gone on with")
  func halfDelta() throws {
    defer { remove() }
    try layDown(tar(members()))
    #expect(throws: TarError.self) { try layDown(Array(tar(members()).dropLast(3000)), isDelta: true) }
    #expect(!FileManager.default.fileExists(atPath: "\(directory)/global/pg_control"))
    try layDown(tar(members()), isDelta: true)
    try expectWhole(members())
  }

  @Test("Places that are not fit are refused before anything is written")
  func places() throws {
    defer { remove() }
    func check(_ plan: ClusterPlan) -> ClusterError? {
      do { _ = try ClusterPlaces(plan, owner: owner) } catch { return error as? ClusterError }
      return nil
    }
    #expect(check(plan()) == nil)
    if case .noRoom = check(plan(size: .max)) {} else { Issue.record("There is no such room") }
    for inside in ["\(directory)/x", directory, place] {
      if case .unfitPlace(inside, _) = check(plan(space: inside)) {} else { Issue.record("\(inside)") }
    }
    try FileManager.default.createDirectory(atPath: space, withIntermediateDirectories: true)
    try Data([1]).write(to: URL(fileURLWithPath: "\(space)/x"))
    #expect(check(plan()) == .notEmpty(space, isTablespace: true))
    try FileManager.default.removeItem(atPath: space)
    symlink(place, directory)
    if case .unfitPlace = check(plan()) {} else { Issue.record("A link is followed") }
    try FileManager.default.removeItem(atPath: directory)
    try layDown(tar(members()))
    // Its own tablespace's folder may be full then; one that its link does not lead to may not.
    #expect(check(plan(isDelta: true)) == nil)
    try FileManager.default.createDirectory(atPath: "\(place)/other/x", withIntermediateDirectories: true)
    #expect(check(plan(isDelta: true, space: "\(place)/other")) == .notEmpty("\(place)/other", isTablespace: true))
    try Data("1".utf8).write(to: URL(fileURLWithPath: "\(directory)/postmaster.pid"))
    #expect(check(plan(isDelta: true)) == .running(directory))
    try FileManager.default.removeItem(atPath: "\(directory)/postmaster.pid")
    try Data(Self.control(5)).write(to: URL(fileURLWithPath: "\(directory)/global/pg_control"))
    if case .otherCluster = check(plan(isDelta: true)) {} else { Issue.record("Another server's folder is taken") }
    try FileManager.default.removeItem(atPath: "\(directory)/global/pg_control")
    if case .otherCluster = check(plan(isDelta: true)) {} else { Issue.record("No server's folder is taken") }
    guard geteuid() == 0 else { return }
    let mine = plan()
    #expect(throws: ClusterError.notEmpty(directory, isTablespace: false)) { try ClusterPlaces(mine, owner: owner) }
    remove()
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    #expect(throws: ClusterError.noOwner(directory)) { try ClusterPlaces(mine, owner: nil) }
  }
}
