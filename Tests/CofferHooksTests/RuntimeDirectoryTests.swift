import CofferSystem
import Foundation
import TestSupport
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
    try makeFolder("coffer-deaddeaddeaddead", owner: "0 17 \(boot)")
    try makeFolder("coffer-reusedidreusedid", owner: "\(getpid()) 1 \(boot)")
    try makeFolder("coffer-rebootedrebooted", owner: "\(getpid()) 17 another-boot\n")
    let kept = [
      "coffer-nobodys0nobodys0", "coffer-garbage0garbage0", "coffer-public00public00", "coffer-x", "other-dead0000",
    ]
    try makeFolder(kept[0], owner: nil)
    try makeFolder(kept[1], owner: "?")
    try makeFolder(kept[2], owner: "0 17 \(boot)", mode: 0o755)
    try makeFolder(kept[3], owner: "0 17 \(boot)")
    try makeFolder(kept[4], owner: "0 17 \(boot)")
    try makeFolder("coffer-locked00locked00", owner: "0 17 \(boot)")
    let lock = try FileDescriptor(opening: "\(base)/coffer-locked00locked00/owner", flags: O_RDONLY)
    #expect(flock(lock.number, LOCK_EX) == 0)
    symlink("\(base)/\(kept[4])", "\(base)/coffer-linklinklinklink")

    let next = try RuntimeDirectory(base: base)
    let expected =
      kept + ["coffer-locked00locked00", "coffer-linklinklinklink"]
      + [living, next].map {
        ($0.path as NSString).lastPathComponent
      }
    #expect(Set(entries) == Set(expected))
    #expect(FileManager.default.fileExists(atPath: "\(base)/\(kept[4])/dumps"))
    try FileManager.default.removeItem(atPath: base)
  }

  @Test("A base that another user could change is refused, or passed over when only the environment names it")
  func untrustedBases() throws {
    defer { try? FileManager.default.removeItem(atPath: base) }
    let open = "\(base)/open"
    try FileManager.default.createDirectory(atPath: open + "/inner", withIntermediateDirectories: true)
    chmod(open, 0o777)
    for path in [open, open + "/inner", open + "/new"] {
      #expect {
        try RuntimeDirectory(base: path)
      } throws: { error in
        guard case .untrusted(let place)? = error as? RuntimeDirectory.Failure else { return false }
        let shown = open.replacing("//", with: "/")
        return place.path == shown && place.suggestion == "chmod go-w \(shown)"
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: open) == ["inner"])
    let environment = ProcessEnvironment(["XDG_RUNTIME_DIR": open, "TMPDIR": base])
    #expect(try RuntimeDirectory.base(configured: nil, environment: environment) == base)
    #expect(try RuntimeDirectory.base(configured: open, environment: environment) == open)
    chmod(open, 0o1777)
    #expect(try RuntimeDirectory.base(configured: nil, environment: environment) == open)
    _ = try RuntimeDirectory(base: open)
  }

  @Test("A base of another user, or behind his link, is refused", .enabled(if: geteuid() == 0))
  func othersBases() throws {
    defer { try? FileManager.default.removeItem(atPath: base) }
    try FileManager.default.createDirectory(atPath: "\(base)/theirs/ours", withIntermediateDirectories: true)
    chown("\(base)/theirs", 65534, 65534)
    symlink("/tmp", "\(base)/link")
    lchown("\(base)/link", 65534, 65534)
    for name in ["theirs", "theirs/ours", "link"] {
      #expect {
        try RuntimeDirectory(base: "\(base)/\(name)")
      } throws: { error in
        if case .untrusted? = error as? RuntimeDirectory.Failure { true } else { false }
      }
    }
  }

  @Test("The folder of a run is known by its name, its mark, its owner and its mode, all of them")
  func runFolders() throws {
    defer { try? FileManager.default.removeItem(atPath: base) }
    let run = try RuntimeDirectory(base: base)
    let folder = try Folder.trusted(base, .folders)
    func isRunFolder(_ name: EntryName) throws -> Bool {
      RuntimeDirectory.isRunFolder(try folder.folder(name), called: name)
    }
    #expect(try isRunFolder(EntryName((run.path as NSString).lastPathComponent)))
    try makeFolder("coffer-0123456789abcdef", owner: "1 2 3")
    #expect(try isRunFolder("coffer-0123456789abcdef"))
    chmod("\(base)/coffer-0123456789abcdef", 0o755)
    #expect(try !isRunFolder("coffer-0123456789abcdef"))
    try makeFolder("coffer-aaaaaaaaaaaaaaaa", owner: "anything")
    try makeFolder("coffer-bbbbbbbbbbbbbbbb", owner: nil)
    try makeFolder("other-dddddddddddddddd", owner: "1 2 3")
    for name: EntryName in ["coffer-aaaaaaaaaaaaaaaa", "coffer-bbbbbbbbbbbbbbbb", "other-dddddddddddddddd"] {
      #expect(try !isRunFolder(name), "\(name)")
    }
    guard geteuid() == 0 else { return }
    try makeFolder("coffer-cccccccccccccccc", owner: "1 2 3")
    chown("\(base)/coffer-cccccccccccccccc", 65534, 65534)
    #expect(try !isRunFolder("coffer-cccccccccccccccc"))
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

  @Test("No two names become one place, and each is one part of a path")
  func injective() { Fuzz.run(.dumpPlace) { random in injective(&random) } }

  private func injective(_ random: inout SeededRandom) {
    let signs = ["%", "%2F", "%25", "/", ".", "..", "\0", "a", "é", "e\u{301}", "\u{301}", "\n", " ", "%2E"]
    var names: Set<ExactName> = ["", ".", "..", "%", "%%", "a/b", "a%2Fb", "a%252Fb"].reduce(into: []) {
      $0.insert(ExactName($1))
    }
    for _ in 0..<2000 {
      names.insert(
        ExactName(
          (0..<Int.random(in: 0...4, using: &random)).map { _ in signs.randomElement(using: &random) ?? "" }.joined()))
    }
    let paths = names.map { DumpIdentity(hook: "h", database: $0.text, label: $0.text).path }
    #expect(Set(paths.map { ExactName($0) }).count == names.count)
    for path in paths {
      let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      #expect(parts.count == 3 && parts.allSatisfy { EntryName(bytes: $0).isOnePart }, "\(path)")
    }
  }
}
