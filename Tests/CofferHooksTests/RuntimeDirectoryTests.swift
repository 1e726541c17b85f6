import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("A run's own folder")
struct RuntimeDirectoryTests {
  private let base: String

  init() throws {
    var template = Array((NSTemporaryDirectory() + "/runtime-test-XXXXXX").utf8CString)
    _ = mkdtemp(&template)
    base = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private var entries: [String] { (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? [] }

  /// Makes a folder as another run would, with what its owner file says.
  private func makeFolder(_ name: String, owner: String?, mode: mode_t = 0o700) throws {
    let folder = "\(base)/\(name)"
    try FileManager.default.createDirectory(atPath: folder + "/dumps", withIntermediateDirectories: true)
    chmod(folder, mode)
    try owner?.write(toFile: folder + "/owner", atomically: false, encoding: .utf8)
  }

  private var boot: String {
    get throws { try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8) }
  }

  @Test("The base is the first that is set, in the order that is promised")
  func order() throws {
    var environment = ProcessEnvironment([:])
    #expect(try RuntimeDirectory.base(configured: nil, environment: environment) == "/tmp")
    for (name, path, expected) in [
      ("TEMP", "/t", "/t"), ("TMPDIR", "/d", "/d"), ("RUNTIME_DIRECTORY", "/r:/s", "/r"),
      ("XDG_RUNTIME_DIR", "/x", "/x"),
    ] {
      environment.variables[name] = path
      #expect(try RuntimeDirectory.base(configured: nil, environment: environment) == expected)
    }
    environment.variables["XDG_RUNTIME_DIR"] = ""
    #expect(try RuntimeDirectory.base(configured: nil, environment: environment) == "/r")
    #expect(try RuntimeDirectory.base(configured: "/c", environment: environment) == "/c")
    #expect(throws: RuntimeDirectory.Failure.notAbsolute(path: "c", source: "user_runtime_directory")) {
      try RuntimeDirectory.base(configured: "c", environment: environment)
    }
  }

  @Test("It is private, has a name of its own, and goes with the run")
  func lifetime() throws {
    var first: RuntimeDirectory? = try RuntimeDirectory(base: base)
    let second = try RuntimeDirectory(base: base)
    #expect(entries.count == 2)
    for run in [first, second] {
      var facts = stat()
      #expect(stat(try #require(run).path, &facts) == 0)
      #expect(facts.st_mode & 0o777 == 0o700)
    }
    let fifo = try second.makeFIFO("postgresql_databases/localhost/users")
    var facts = stat()
    #expect(stat(fifo, &facts) == 0)
    #expect(facts.st_mode == S_IFIFO | 0o600)
    first = nil
    #expect(entries == [(second.path as NSString).lastPathComponent])
    second.remove()
    #expect(entries.isEmpty)
  }

  @Test("Only folders of runs that are certainly gone are swept")
  func sweep() throws {
    let living = try RuntimeDirectory(base: base)
    // No process has the number 0; the number of this one with another start time was somebody else's.
    try makeFolder("coffer-deaddead", owner: "0 17 \(boot)")
    try makeFolder("coffer-reusedid", owner: "\(getpid()) 1 \(boot)")
    try makeFolder("coffer-rebooted", owner: "\(getpid()) 17 another-boot\n")
    let kept = ["coffer-nobodys0", "coffer-garbage0", "coffer-public00", "coffer-x", "other-dead0000"]
    try makeFolder(kept[0], owner: nil)
    try makeFolder(kept[1], owner: "?")
    try makeFolder(kept[2], owner: "0 17 \(boot)", mode: 0o755)
    try makeFolder(kept[3], owner: "0 17 \(boot)")
    try makeFolder(kept[4], owner: "0 17 \(boot)")
    try makeFolder("coffer-locked00", owner: "0 17 \(boot)")
    let lock = try FileDescriptor(opening: "\(base)/coffer-locked00/owner", flags: O_RDONLY)
    #expect(flock(lock.number, LOCK_EX) == 0)
    symlink("\(base)/\(kept[4])", "\(base)/coffer-linklink")

    let next = try RuntimeDirectory(base: base)
    let expected =
      kept + ["coffer-locked00", "coffer-linklink"]
      + [living, next].map {
        ($0.path as NSString).lastPathComponent
      }
    #expect(Set(entries) == Set(expected))
    #expect(FileManager.default.fileExists(atPath: "\(base)/\(kept[4])/dumps"))
    try FileManager.default.removeItem(atPath: base)
  }

  @Test("No name leads a dump out of its folder")
  func names() {
    func path(_ database: String, hostname: String? = nil, label: String? = nil) -> String {
      DumpIdentity(hook: "h", database: database, hostname: hostname, label: label).path
    }
    #expect(path("..") == "h/localhost/%2E%2E")
    #expect(path("a b", hostname: "/var/run/postgresql") == "h/%2Fvar%2Frun%2Fpostgresql/a b")
    #expect(path("a", label: "..") == "h/%2E%2E/a")
    #expect(path("a", label: "../../x") == "h/..%2F..%2Fx/a")
  }
}
