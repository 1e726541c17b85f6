import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("A MariaDB server laid down from its physical backup")
struct PhysicalBackupFolderTests {
  private typealias Builder = XBStreamBuilder

  private let place = "/tmp/coffer-physical-\(UUID().uuidString.prefix(8))"
  private let owner: ServerOwner?
  private var directory: String { "\(place)/data" }

  init() throws {
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    let user = try #require(UserAccount.numbers(of: "nobody"))
    owner = geteuid() == 0 ? ServerOwner(user: user.user, group: user.group) : nil
  }

  private func remove() { try? FileManager.default.removeItem(atPath: place) }

  private static let files =
    Builder.file("ibdata1", [UInt8](repeating: 7, count: 50_000)) + Builder.file("shop/item.ibd", [1, 2, 3])
    + Builder.file("shop/db.opt", []) + Builder.report()

  /// - Parameter script: What stands in for mariadb-backup: it is given `--prepare --target-dir=...`.
  private func layDown(
    _ stream: [UInt8],
    by script: String = "echo prepared > \"${2#--target-dir=}/prepared\"; echo completed OK! >&2"
  ) throws {
    let context = try makeContext()
    defer { context.runtime.remove() }
    let server = try ServerPlace(directory, owner: owner)
    try server.check(size: 1000)
    let folder = try PhysicalBackupFolder(server)
    do {
      for start in stride(from: 0, to: stream.count, by: 10_000) {
        try stream[start..<min(start + 10_000, stream.count)].withUnsafeBytes { try folder.write($0) }
      }
      try folder.finish(
        PhysicalBackupPreparation(["sh", "-c", script, "mariadb-backup"], as: owner, context), isLasting: false)
    } catch {
      try folder.abandon()
      throw error
    }
  }

  private func names() throws -> [String] { try FileManager.default.subpathsOfDirectory(atPath: place).sorted() }

  @Test("Every file is there with its bytes and its owner, prepared", arguments: [true, false])
  func whole(isThere: Bool) throws {
    defer { remove() }
    if isThere { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }
    try layDown(Self.files)
    #expect(
      try names() == [
        "data", "data/backup-my.cnf", "data/ibdata1", "data/prepared", "data/shop", "data/shop/db.opt",
        "data/shop/item.ibd",
        "data/xtrabackup_binlog_info", "data/xtrabackup_checkpoints", "data/xtrabackup_info",
      ])
    #expect(FileManager.default.contents(atPath: "\(directory)/ibdata1") == Data(repeating: 7, count: 50_000))
    #expect(FileManager.default.contents(atPath: "\(directory)/shop/item.ibd") == Data([1, 2, 3]))
    for name in try names() {
      var facts = stat()
      #expect(lstat("\(place)/\(name)", &facts) == 0)
      #expect(facts.st_uid == owner?.user ?? geteuid(), "\(name)")
      #expect(name.hasSuffix("prepared") || facts.st_mode & 0o077 == 0, "\(name)")
    }
    // Nothing is written where something is.
    #expect(throws: ClusterError.notEmpty(directory, isTablespace: false)) { try layDown(Self.files) }
  }

  /// What is there when it is prepared.
  private func prepared(_ settings: String) throws -> String {
    let stream = Builder.file("ibdata1", [7]) + Builder.report(settings: settings)
    try layDown(stream, by: "cd \"${2#--target-dir=}\"; cat backup-my.cnf > seen; echo completed OK! >&2")
    let seen = FileManager.default.contents(atPath: "\(directory)/seen") ?? Data()
    #expect(FileManager.default.contents(atPath: "\(directory)/backup-my.cnf") == seen)
    remove()
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    return String(decoding: seen, as: UTF8.self)
  }

  @Test("Of the settings that a backup has, it is prepared with those that its files need, and that lead nowhere else")
  func settings() throws {
    defer { remove() }
    let kept = """
      [mysqld]
      innodb_checksum_algorithm=crc32
      innodb_data_file_path=ibdata1:12M;more:4M:autoextend
      innodb_log_file_size=100663296
      innodb_page_size=16384
      innodb_undo_tablespaces=0
      innodb_compression_level=6

      """
    #expect(try prepared(Builder.settings) == kept)
    let hostile = """
      [mariabackup]
      !include other.cnf
      innodb_data_home_dir=/srv
      innodb-data-home-dir=/srv
      innodb_log_group_home_dir = ..
      tmpdir=/srv
      aria_log_dir_path=/srv
      plugin-load=evil.so
      loose_plugin_load=evil.so

      """
    #expect(try prepared(Builder.settings + hostile) == kept)
    // Keys of encrypted files are read by a library of the system's.
    let keys = "plugin_dir=/usr/lib/\nplugin_load=file_key_management.so\nfile_key_management_filename=/etc/keys\n"
    #expect(try prepared(Builder.settings + keys) == kept + keys)
    #expect(
      try prepared(Builder.settings + keys.replacingOccurrences(of: "/usr/lib/", with: "\"/usr/lib/\"")) == kept + keys)
    for settings in [
      "plugin_load=evil.so\n", "plugin_load=evil.so\nplugin_dir=./\n", "plugin_load=evil.so\nplugin_dir=\"/tmp\"\n",
      "plugin_load=evil.so\nplugin_dir=/proc/self/cwd\n", keys + "plugin_dir=/proc/self/cwd\n",
      "innodb_data_file_path=ibdata1:12M;/srv/x:4M:autoextend\n",
    ] {
      #expect(throws: ClusterError.self, "\(settings)") { try prepared(Builder.settings + settings) }
    }
    #expect(throws: ClusterError.self) {
      try layDown(Self.files + Builder.chunk("D", "backup-my.cnf"))
    }
    #expect(try names().isEmpty)
  }

  @Test("What the server did meanwhile is done to the files")
  func meanwhile() throws {
    defer { remove() }
    try layDown(
      Self.files + Builder.rename("shop/item.ibd", to: "other/item.ibd") + Builder.rename("shop/none", to: "shop/any")
        + Builder.chunk("D", "shop/none") + Builder.file("shop/x", [1]) + Builder.rename("shop/x", to: "shop/db.opt")
        + Builder.file("shop/y", [1, 2, 3]) + Builder.file("shop/y", [4], flags: 2) + Builder.file("shop/z", [1])
        + Builder.chunk("D", "shop/z"))
    #expect(
      try names().filter { $0.contains("shop/") || $0.contains("other/") } == [
        "data/other/item.ibd", "data/shop/db.opt", "data/shop/y",
      ])
    for (name, bytes) in [("other/item.ibd", [1, 2, 3]), ("shop/db.opt", [1]), ("shop/y", [4])] {
      #expect(FileManager.default.contents(atPath: "\(directory)/\(name)") == Data(bytes.map { UInt8($0) }), "\(name)")
    }
  }

  @Test("What is not whole, leads elsewhere, or cannot be prepared, leaves nothing behind", arguments: [true, false])
  func nothing(isThere: Bool) throws {
    defer { remove() }
    if isThere { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }
    let outside = "\(place)/data/../outside"
    for (number, stream) in [
      Array(Self.files.dropLast(3)), Builder.file("a", [1]), Builder.file("../outside", [1]) + Self.files,
      Builder.file(outside, [1]) + Self.files, Self.files + Builder.file("ibdata1", [1]),
      Builder.file("shop/far.isl", [1]) + Self.files, Self.files + Builder.file("ibdata1/x", [1]),
    ].enumerated() {
      #expect(throws: (any Error).self, "\(number)") { try layDown(stream) }
      #expect(try names() == (isThere ? ["data"] : []), "\(number)")
    }
    for script in ["exit 1", "echo failed >&2", "echo completed OK! >&2; exit 3", "kill -9 $$"] {
      #expect(throws: PreparationError.self, "\(script)") { try layDown(Self.files, by: script) }
      #expect(try names() == (isThere ? ["data"] : []), "\(script)")
    }
  }

  @Test("A program of another series than the server's, and none, is told")
  func versions() throws {
    let context = try makeContext()
    defer { context.runtime.remove() }
    func check(_ script: String) throws {
      try PhysicalBackupPreparation(["sh", "-c", script], as: owner, context).check(for: "10.11.4-MariaDB-log")
    }
    try check("echo 'mariadb-backup based on MariaDB server 10.11.19-MariaDB debian-linux-gnu (x86_64)' >&2")
    #expect(throws: PreparationError.otherVersion(installed: "11.4.2", wanted: "10.11.4-MariaDB-log")) {
      try check("echo 'mariadb-backup based on MariaDB server 11.4.2-MariaDB Linux (x86_64)'")
    }
    #expect(throws: PreparationError.self) { try check("exit 127") }
  }
}
