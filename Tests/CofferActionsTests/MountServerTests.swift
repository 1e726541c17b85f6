import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite(
  "Archives that are mounted, whatever is in them",
  .enabled(if: geteuid() == 0 && access("/dev/fuse", F_OK) == 0, "this needs root and /dev/fuse"))
struct MountServerTests {
  private let tree: Tree
  private let store = MemoryStore(now: Clock.system.now)
  private let repository: Repository
  private var point: String { "\(tree.path)/point" }

  init() throws {
    tree = try Tree()
    try FileManager.default.createDirectory(atPath: "\(tree.path)/point", withIntermediateDirectories: true)
    repository = try Repository.create(
      in: store, options: CreationOptions(packTarget: 1 << 18, passphraseCost: 5),
      passphrase: SecretBytes(passphrase: "correct horse"),
      surroundings: RepositorySurroundings(
        clock: .system, random: .system, keyFolder: tree.path, cacheFolder: nil, workers: 2))
  }

  private func archive(_ name: String, _ items: [(path: String, content: [UInt8])]) throws -> Archive {
    let session = try repository.beginSession(cancellation: try Cancellation())
    for (path, content) in items {
      session.add(
        ArchiveItem(
          path: ItemPath(path), content: .file(try session.store(MemorySource(content))), mode: 0o644, modified: 5))
    }
    return try session.commit(
      ArchiveDraft(name: name, hostname: "h", username: "u", commandLine: [], start: Date(timeIntervalSince1970: 5)))
  }

  /// Mounts archives, and takes the mount away when `body` has returned.
  private func mounted(_ archives: [Archive], isWhole: Bool, _ body: () throws -> Void) throws {
    let console = Console(verbosity: -2, environment: ProcessEnvironment([:]), noColor: true)
    let place = FuseMount(at: point, launcher: SystemProcessLauncher(), environment: ProcessEnvironment([:]))
    let connection = try place.mount(FuseMount.Options())
    let server = try MountServer(
      connection, MountedArchives(archives, ItemSelection(try PathSelection([])), console), isWhole: isWhole,
      MountTroubles(console), cancellation: try Cancellation(), makeReader: { [repository] in try repository.reader() })
    let handed = HandedOver(server)
    let thread = try TestThread("mount") { try? handed.value.run() }
    let outcome = Result { try body() }
    place.leave(connection)
    try thread.end()
    try outcome.get()
  }

  private func content(_ path: String) -> [UInt8]? {
    FileManager.default.contents(atPath: "\(point)/\(path)").map(Array.init)
  }

  @Test("Paths that lead anywhere else lead nowhere, and what stands twice stands once")
  func hostile() throws {
    let archive = try archive(
      "bad",
      [
        ("../../etc/evil", [1]), ("/absolute", [2]), ("good", [3]), ("good", [4]), ("folder", [5]), ("folder/in", [6]),
        ("nul\0l", [7]), (String(repeating: "n", count: 300), [8]), ("a//b", [9]), ("", [10]),
      ])
    try mounted([archive], isWhole: false) {
      #expect(try FileManager.default.contentsOfDirectory(atPath: point).sorted() == ["folder", "good"])
      #expect(content("good") == [4] && content("folder/in") == [6])
      #expect(content("../etc/evil") == nil && content("absolute") == nil)
      var facts = stat()
      #expect(lstat("\(point)/folder", &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR)
      let good = try FileDescriptor(opening: "\(point)/good", flags: O_RDONLY)
      #expect(try ExtendedAttributes.names(of: good.number, subject: "good").isEmpty)
    }
  }

  @Test("Archives of names that no folder can have are folders, and many files are all listed")
  func names() throws {
    var random = SeededRandom(3)
    let many = (0..<1500).map { number in
      (
        path: "many/\(number)-" + String(repeating: "x", count: Int.random(in: 0...200, using: &random)),
        content: [UInt8(number % 251)]
      )
    }
    let archives = [
      try archive("..", [("one", [1])]), try archive("a/b", [("two", [2])]), try archive("same", [("three", [3])]),
      try archive("many", many),
    ]
    try mounted(archives, isWhole: true) {
      let names = Set(try FileManager.default.contentsOfDirectory(atPath: point))
      #expect(names == [archives[0].id, "a%2Fb", "same", "many"])
      #expect(content("\(archives[0].id)/one") == [1] && content("a%2Fb/two") == [2])
      let listed = Set(try FileManager.default.contentsOfDirectory(atPath: "\(point)/many/many"))
      #expect(listed == Set(many.map { String($0.path.dropFirst(5)) }))
      for (path, bytes) in many { #expect(content("many/\(path)") == bytes, "\(path)") }
      #expect(content("same/nothing") == nil && content("nothing") == nil)
    }
  }

  @Test("A read at a random place fetches what holds it, and not the rest")
  func littleIsFetched() throws {
    var random = SeededRandom(4)
    let whole = random.bytes(4 << 20)
    let archive = try archive("large", [("file", whole)])
    let counter = CountingStore(store)
    let counted = try Repository.open(
      in: counter, passphrase: SecretBytes(passphrase: "correct horse"),
      surroundings: RepositorySurroundings(
        clock: .system, random: .system, keyFolder: tree.path, cacheFolder: nil, workers: 2))
    let worker = MountWorker(
      MountedArchives(
        [archive], ItemSelection(try PathSelection([])),
        Console(verbosity: -2, environment: ProcessEnvironment([:]), noColor: true)), isWhole: false,
      cancellation: try Cancellation(), makeReader: { try counted.reader() })
    func read(_ offset: UInt64, _ count: Int) throws -> [UInt8] {
      try worker.answer(to: FuseRequest(node: 1 << 40 | 1, .read(offset: offset, count: count))).body
    }
    #expect(try read(0, 1) == [whole[0]])
    let before = counter.use.received
    #expect(try read(3_000_000, 4096) == Array(whole[3_000_000..<3_004_096]))
    // A block or two of half a megabyte, and the directory of their pack.
    #expect(counter.use.received - before < 1_500_000)
    #expect(try read(UInt64(whole.count) - 3, 100) == Array(whole.suffix(3)))
    #expect(try read(UInt64(whole.count), 100).isEmpty && read(.max - 5, 100).isEmpty)
  }
}
