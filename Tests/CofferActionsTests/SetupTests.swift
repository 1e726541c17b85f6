import CofferConfiguration
import CofferHooks
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("What init finds and writes")
struct SetupTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "coffer-setup-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  /// Makes a socket; it is this user's.
  private func listen(_ name: String) {
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(number) }
    _ = LocalSocket.withAddress(Array("\(folder)/\(name)".utf8)) { bind(number, $0, $1) }
  }

  @Test("Servers are found by sockets that are listened at and by ports, each once; what is no socket is no server")
  func servers() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for name in [".s.PGSQL.5433", "mysqld.sock"] { listen(name) }
    try "x".write(toFile: "\(folder)/.s.PGSQL.5434", atomically: true, encoding: .utf8)
    let head = "Num       RefCount Protocol Flags    Type St Inode Path\n"
    func line(_ path: String, flags: String = "00010000") -> String {
      "0000000000000000: 00000002 00000000 \(flags) 0001 01 12345 \(path)\n"
    }
    let sockets =
      head + line("\(folder)/.s.PGSQL.5433") + line("\(folder)/.s.PGSQL.5433") + line("\(folder)/.s.PGSQL.5434")
      + line("\(folder)/mysqld.sock") + line("\(folder)/mysqld.sock", flags: "00000000") + line("@abstract")
      + line("\(folder)/.s.PGSQL.99999999") + line("\(folder)/.s.PGSQL.5433.lock") + "garbage\n" + line("/a b")
    try sockets.write(toFile: "\(folder)/unix", atomically: true, encoding: .utf8)
    let ports = """
        sl  local_address rem_address   st
         0: 0100007F:1538 00000000:0000 0A
         1: 0100007F:1539 00000000:0000 0A
         2: 0100007F:0CEA 00000000:0000 0A
         3: 0100007F:153A 00000000:0000 01
         4: 0A00000A:153B 00000000:0000 0A
      """
    try ports.write(toFile: "\(folder)/tcp", atomically: true, encoding: .utf8)
    // 5433 is that of the socket, and MariaDB has one.
    #expect(
      LocalServers(lists: folder).found() == [
        LocalServer(system: .postgresql, place: .socket("\(folder)/.s.PGSQL.5433"), port: 5433),
        LocalServer(system: .mariadb, place: .socket("\(folder)/mysqld.sock")),
        LocalServer(system: .postgresql, place: .port(5432), port: 5432),
      ])
    #expect(LocalServers(lists: "\(folder)/none").found().isEmpty)
  }

  @Test("SQLite files are found by what they begin with, whatever they are called, and no link is followed")
  func files() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let content = Array("SQLite format 3\0".utf8) + [UInt8](repeating: 0, count: 100)
    for name in ["a.db", "sub/a.sqlite3", "sub/b", "sub/.db"] {
      let path = "\(folder)/\(name)"
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data(content).write(to: URL(fileURLWithPath: path))
    }
    try Data(content.prefix(15)).write(to: URL(fileURLWithPath: "\(folder)/short.db"))
    try FileManager.default.createSymbolicLink(atPath: "\(folder)/link.db", withDestinationPath: "\(folder)/a.db")
    mkfifo("\(folder)/fifo.db", 0o600)
    var finder = SQLiteFinder(try Cancellation())
    let found = try finder.databases(below: [folder, "\(folder)/a.db"])
    #expect(
      found.map { [$0.name, $0.path] } == [
        ["a", "\(folder)/a.db"], [".db", "\(folder)/sub/.db"], ["a-2", "\(folder)/sub/a.sqlite3"],
        ["b", "\(folder)/sub/b"],
      ])
    #expect(finder.warnings.isEmpty)
    #expect(throws: SystemError.self) {
      var other = SQLiteFinder(try Cancellation())
      _ = try other.databases(below: ["\(folder)/nowhere"])
    }
  }

  @Test("No name of a file or a socket becomes anything but a value of the configuration")
  func hostileNames() throws {
    let names = [
      "x\nencryption_passphrase: known", "a: b #", "\"]}", "'", "null", "1e3", "{name}", "${HOME}", "\\${a", "${",
      "a${x}}${", "\u{202e}", "\\",
      "e\u{301}", "*x", "&x", "!!str",
    ]
    let databases = names.map { DatabaseProposal(SQLiteFinder.Database(name: $0, path: "/\($0)")) }
    let server = LocalServer(system: .postgresql, place: .socket("/a\nb/.s.PGSQL.5433"), port: 5433)
    let text = NewConfiguration(
      repository: "/r\n", encryption: "repokey", passphrase: "/it's/passphrase", databases: databases,
      unreachable: DatabaseProposal.ways(to: server, isRoot: true).map { ($0, "no\nrepositories: []") },
      sources: ["/s: #"]
    ).text
    let top = text.split(separator: "\n").filter { !$0.hasPrefix(" ") && !$0.hasPrefix("#") }
    #expect(
      top.map { $0.prefix { $0 != ":" } } == [
        "repositories", "encryption_passcommand", "sqlite_databases", "source_directories", "keep_daily",
        "keep_weekly", "keep_monthly", "backup_within",
      ], "\(text)")
    #expect(!text.unicodeScalars.contains { !$0.isASCII })
    let loader = ConfigurationLoader(
      files: FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil }),
      environment: ProcessEnvironment(["HOME": "/wrong"]), currentFolder: "/", options: .standard)
    let configuration = try loader.load("/c.yaml")
    let read = HookRegistry.standard.configured(in: configuration.root).map { ExactName($0.identity.database) }
    #expect(read == names.map { ExactName($0) })
    #expect(configuration.repositories[0][RepositoryEntryOptions.path].isSame(as: "/r\n"))
    #expect(configuration.root[GeneralOptions.encryptionPasscommand]?.words == ["cat", "/it's/passphrase"])
  }

  @Test("A new file never takes another's place, and is its owner's alone")
  func newFile() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = "\(folder)/new/secret"
    try NewFile(path, makesFolders: true).write(Array("one".utf8))
    #expect(throws: SystemError.self) { try NewFile(path, makesFolders: true).write(Array("two".utf8)) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "one")
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/new") == ["secret"])
    var facts = stat()
    #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o600 && facts.st_nlink == 1)
    #expect(try NewFile(path, makesFolders: true).isThere)
    #expect(try !NewFile("\(folder)/new/other", makesFolders: false).isThere)
  }

  @Test("Passphrases are 32 bytes of the generator that is handed in")
  func secrets() throws {
    let source = RandomSource { buffer in for index in buffer.indices { buffer[index] = UInt8(index) } }
    #expect(try NewSecret.passphrase(source) == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
  }
}
