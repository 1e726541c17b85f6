import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("A store that is far away", .timeLimit(.minutes(5)))
struct FarStoreTests {
  private let folder = NSTemporaryDirectory() + "coffer-far-\(UInt64.random(in: 0 ... .max))"
  private let repository: TestRepository

  init() throws {
    repository = try TestRepository()
  }

  private func cleanUp() {
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func open(
    _ store: any ObjectStore, _ repository: TestRepository? = nil, isFar: Bool = true, baseCache: Int = 0
  ) throws -> Repository {
    try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: (repository ?? self.repository).clock.clock, random: .system, keyFolder: "", cacheFolder: folder,
        isFar: isFar, baseCacheSize: baseCache, workers: 2))
  }

  /// A dump, and the same with every thirtieth of it changed a little.
  private static let days: [[String: [UInt8]]] = {
    let first = dumpLikeBytes(1_500_000)
    var second = first
    for place in stride(from: 20_000, to: second.count - 100, by: 50_000) {
      for offset in 0..<12 { second[place + offset] = UInt8(ascii: "x") }
    }
    return [["dump": first], ["dump": second]]
  }()

  private func packCalls(_ store: WatchedStore) -> [WatchedStore.Call] {
    store.calls.filter { $0.name.hasPrefix("packs/") && $0.request != .put }
  }

  private var packFolder: String { "\(folder)/\(repository.repository.header.id)/packs" }

  // MARK: - At the same time

  @Test("Packs are put several at a time, and what names them only when they are there")
  func putsInFlight() throws {
    defer { cleanUp() }
    let store = WatchedStore(repository.store) { call, store in
      guard call.request == .put, call.name.hasPrefix("packs/") else { return }
      store.wait { $0.count { $0.request == .put && $0.name.hasPrefix("packs/") } >= 4 }
    }
    let files = ["noise": noise(4_000_000)]
    let archive = try repository.backUp(files, with: try open(store))
    #expect(try repository.contents(of: archive) == files)
    #expect(store.calls.filter { $0.name.hasPrefix("packs/") }.map(\.inFlight).max() ?? 0 >= 4)
    let order = Dictionary(
      uniqueKeysWithValues: repository.store.history.enumerated().map { ($0.element.path, $0.offset) })
    let loader = try IndexLoader(context: repository.repository.context)
    var named = 0
    for name in try loader.objectNames() {
      let place = try #require(order[name.path])
      for pack in try loader.read(name).packs {
        named += 1
        let stored = try #require(pack.digest.packName.flatMap { order[$0.path] })
        #expect(stored < place)
      }
      #expect(try place < #require(order["archives/\(archive.id)"]))
    }
    #expect(try named == repository.store.list("packs", cancellation: nil).count)
  }

  @Test("A disk gets one pack after the other")
  func putsNearby() throws {
    defer { cleanUp() }
    let store = WatchedStore(repository.store)
    try repository.backUp(["noise": noise(4_000_000)], with: try open(store, isFar: false))
    #expect(store.calls.filter { $0.name.hasPrefix("packs/") }.map(\.inFlight).max() == 1)
  }

  @Test("A pack that cannot be put ends the run with what the store said, and the next run uses the others")
  func failedPut() throws {
    defer { cleanUp() }
    let files = ["noise": noise(4_000_000)]
    repository.store.failPuts(after: 8)
    #expect(throws: StorageError.self) { try repository.backUp(files, with: try open(repository.store)) }
    repository.store.failPuts(after: nil)
    #expect(try repository.repository.archives().isEmpty)
    let archive = try repository.backUp(files, with: try open(repository.store))
    #expect(try repository.contents(of: archive) == files)
  }

  @Test("What does not depend on each other is asked for at the same time")
  func looksAtTheSameTime() throws {
    defer { cleanUp() }
    var files = ["dump": dumpLikeBytes(500_000)]
    try repository.backUp(files, name: "first", with: try open(repository.store))
    files["more"] = noise(2_000)
    // Each of these calls waits until the others of its row have begun.
    let rows = [
      ["get config", "list keys"], ["get keys/*", "list removed"],
      ["list archives", "list sessions", "put sessions/*-0"],
      ["put sessions/*-1", "list index"], ["list packs", "list quarantine"],
    ]
    @Sendable func matches(_ call: WatchedStore.Call, _ wanted: String) -> Bool {
      let ends = wanted.split(separator: "*", omittingEmptySubsequences: false)
      guard ends.count == 2 else { return call.description == wanted }
      return call.description.hasPrefix(ends[0]) && call.description.hasSuffix(ends[1])
    }
    let store = WatchedStore(repository.store) { call, store in
      for row in rows where row.contains(where: { matches(call, $0) }) {
        store.wait { calls in row.allSatisfy { wanted in calls.contains { matches($0, wanted) } } }
      }
      if call.request == .delete { store.wait { $0.count { $0.request == .delete } >= 2 } }
      let isSecondLook = store.calls.count { $0.description == "list sessions" } >= 2
      if call.name.hasPrefix("index/") || call.name == "sessions" && isSecondLook {
        store.wait { calls in
          calls.contains { $0.request == .put && $0.name.hasPrefix("index/") }
            && calls.count { $0.description == "list sessions" } >= 2
        }
      }
      let commit = { (calls: [WatchedStore.Call]) in
        calls.firstIndex { $0.request == .put && $0.name.hasPrefix("archives/") } ?? calls.count
      }
      if call.request == .list, ["archives", "gc"].contains(call.name), commit(store.calls) < store.calls.count {
        store.wait { calls in
          Set(calls[commit(calls)...].map(\.description)).isSuperset(of: ["list archives", "list gc"])
        }
      }
    }
    let archive = try repository.backUp(files, name: "second", with: try open(store))
    #expect(try repository.contents(of: archive) == files)
    // Of the order that safety asks for nothing is lost.
    let names = store.calls.map(\.description)
    let gc = try #require(names.firstIndex(of: "list gc"))
    let firstPut = try #require(store.calls.firstIndex { $0.request == .put })
    #expect(store.calls[firstPut].name.hasPrefix("sessions/") && firstPut < gc)
    #expect(try #require(names.firstIndex(of: "list archives")) < gc)
    #expect(try gc < #require(names.firstIndex(of: "list index")))
    #expect(try #require(names.firstIndex(of: "list index")) < #require(names.firstIndex(of: "list packs")))
    let record = try #require(names.firstIndex(of: "put archives/\(archive.id)"))
    #expect(try #require(names.lastIndex(of: "list gc")) > record)
    #expect(try #require(names.lastIndex(of: "list archives")) > record)
    #expect(try #require(names.lastIndex(of: "list sessions")) < record)
  }

  @Test("Packs are listed when index objects have been: what these name is in the list, or has gone")
  func listsInOrder() throws {
    defer { cleanUp() }
    try repository.backUp(["dump": dumpLikeBytes(100_000)], with: try open(repository.store))
    let store = WatchedStore(UnlistedIndex(store: repository.store))
    let opened = try open(store)
    #expect(throws: StorageError.self) { try opened.reader() }
    #expect(throws: StorageError.self) { try repository.backUp([:], with: opened) }
    let lists = store.calls.filter { $0.request == .list }.map(\.name)
    #expect(lists.contains("index") && !lists.contains("packs"), "\(lists)")
  }

  @Test("However many objects of keys there are, few are held at a time, and each is read once")
  func manyKeys() throws {
    defer { cleanUp() }
    for number in 0..<80 {
      let id = KeyID(Array(repeating: UInt8(number), count: KeyID.size))
      try repository.store.put(try #require(KeyName(id).object), noise(100, seed: UInt64(number)))
    }
    let store = WatchedStore(repository.store)
    _ = try open(store, isFar: false)
    let read = store.calls.filter { $0.request == .get && $0.name.hasPrefix("keys/") }.map(\.name)
    #expect(read.count == 81 && Set(read).count == 81)
    // Those that are not read ahead are read in the order in which they are looked at.
    #expect(read.suffix(17) == read.suffix(17).sorted()[...], "\(read)")
  }

  @Test("A pack is opened by the size that a list has shown, and by what the store says where that was wrong")
  func knownSizes() throws {
    defer { cleanUp() }
    let archive = try repository.backUp(["dump": dumpLikeBytes(500_000)], with: try open(repository.store))
    let store = WatchedStore(repository.store)
    let opened = try open(store)
    #expect(try opened.reader().items(of: archive, cancellation: Cancellation()).count == 1)
    #expect(!store.calls.contains { $0.request == .status }, "\(store.calls)")
    let context = opened.context
    let packs = try IndexLoader(context: context).existingPacks()
    for wrong in [1, -1, 1 << 40] {
      context.packSizes.note(packs.mapValues { $0 + wrong })
      for pack in packs { #expect(try PackReader(pack.key, context: context).size == pack.value) }
    }
    #expect(store.calls.count { $0.request == .status } == 3 * packs.count)
  }

  @Test("Of a pack that an index object names, the end is read with one request, and little more than its directory")
  func knownTails() throws {
    defer { cleanUp() }
    // Of noise a directory is far smaller than of what compresses well; with what is padded, too.
    for (name, content) in [("noise", noise(2_000_000)), ("dump", dumpLikeBytes(6_000_000))] {
      try repository.backUp([name: content], name: name, with: try open(repository.store))
      let store = WatchedStore(repository.store)
      let context = try open(store).context
      let packs = try IndexLoader(context: context).existingPacks()
      _ = try IndexLoader(context: context).load(for: .reading)
      for (pack, size) in packs {
        let before = store.calls.count
        let reader = try PackReader(pack, context: context)
        guard reader.directory.basePacks.isEmpty else { continue }
        let gets = store.calls[before...].filter { $0.request == .get && $0.size > PackHeader.size }
        let directory = size - (reader.directory.blocks.last.map { $0.offset + $0.storedLength } ?? PackHeader.size)
        #expect(gets.count == 1, "\(gets)")
        #expect(gets[0].size >= directory && gets[0].size <= directory + directory / 4 + Padding.most(of: size) + 1000)
      }
    }
  }

  @Test("A size that no pack has is no trap")
  func senselessSizes() {
    for size in [0, 1, Int.max - 1, Int.max] {
      #expect((0...size).contains(PackReader.tailSize(of: size, blocks: 3, chunks: 9)))
    }
  }

  @Test("Side by side gives results in order, and the failure when all have ended", arguments: [1, 3])
  func sideBySide(width: Int) throws {
    let calls = SideBySide(width: width)
    #expect(try calls.map(Array(0..<100)) { $0 * 2 } == (0..<100).map { $0 * 2 })
    #expect(try calls.map([Int]()) { $0 }.isEmpty)
    #expect(throws: RunCancelled.self) { try calls.map(Array(0..<100)) { if $0 == 50 { throw RunCancelled() } } }
    let both = try calls.both({ 1 }, { "two" })
    #expect(both.0 == 1 && both.1 == "two")
    #expect(throws: RunCancelled.self) { try calls.both({ 1 }, { throw RunCancelled() }) }
    #expect(throws: RunCancelled.self) { try calls.both({ throw RunCancelled() }, { 1 }) }
  }

  // MARK: - Bases

  @Test("With the packs that it keeps, a machine reads none of them for a later day, which adds what it adds nearby")
  func baseCache() throws {
    defer { cleanUp() }
    try repository.backUp(Self.days[0], name: "first", with: try open(repository.store, baseCache: 1 << 30))
    let store = WatchedStore(repository.store)
    let far = try repository.backUp(Self.days[1], name: "second", with: try open(store, baseCache: 1 << 30))
    #expect(packCalls(store).isEmpty, "\(packCalls(store))")
    #expect(try repository.contents(of: far) == Self.days[1])
    let nearby = try TestRepository()
    try nearby.backUp(Self.days[0], name: "first")
    let near = try nearby.backUp(Self.days[1], name: "second")
    let (farSize, nearSize) = (Double(far.statistics.storedSize), Double(near.statistics.storedSize))
    #expect((0.8...1.2).contains(farSize / nearSize), "\(farSize) \(nearSize)")
  }

  @Test("Without them changes are stored in full, and nothing is read either")
  func noBaseCache() throws {
    defer { cleanUp() }
    let remarks = Collected()
    try repository.backUp(Self.days[0], name: "first", with: try open(repository.store))
    let store = WatchedStore(repository.store)
    let opened = try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: repository.clock.clock, random: .system, keyFolder: "", cacheFolder: folder, isFar: true, workers: 2,
        warn: { remarks.add($0) }))
    let archive = try repository.backUp(Self.days[1], name: "second", with: opened)
    #expect(packCalls(store).isEmpty, "\(packCalls(store))")
    #expect(try repository.contents(of: archive) == Self.days[1])
    #expect(remarks.all.isEmpty, "\(remarks.all)")
    #expect(try deltaBlocks() == 0)
    #expect(!FileManager.default.fileExists(atPath: packFolder))
  }

  private func deltaBlocks() throws -> Int {
    try repository.store.list("packs", cancellation: nil).reduce(0) { count, status in
      let digest = try #require(PackFolder.digest(of: status.name))
      let reader = try PackReader(digest, context: repository.repository.context)
      return count + reader.directory.blocks.count { $0.coding == .delta }
    }
  }

  @Test("A kept pack with other bytes than its name stands for is taken away, and nothing leans on it")
  func damagedBaseCache() throws {
    defer { cleanUp() }
    try repository.backUp(Self.days[0], name: "first", with: try open(repository.store, baseCache: 1 << 30))
    let names = try FileManager.default.contentsOfDirectory(atPath: packFolder)
    #expect(try names.count == repository.store.list("packs", cancellation: nil).count)
    for name in names {
      let url = URL(fileURLWithPath: "\(packFolder)/\(name)")
      var bytes = try Data(contentsOf: url)
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: url)
    }
    let store = WatchedStore(repository.store)
    let archive = try repository.backUp(Self.days[1], name: "second", with: try open(store, baseCache: 1 << 30))
    #expect(packCalls(store).isEmpty, "\(packCalls(store))")
    #expect(try repository.contents(of: archive) == Self.days[1])
    #expect(try deltaBlocks() == 0)
    #expect(try repository.store.list("quarantine", cancellation: nil).isEmpty)
  }

  @Test("A kept pack that is changed after it was looked at is given up, and says nothing of the pack in the store")
  func baseCacheChangedWhileUsed() throws {
    defer { cleanUp() }
    try repository.backUp(Self.days[0], name: "first", with: try open(repository.store, baseCache: 1 << 30))
    let plain = try open(repository.store, baseCache: 1 << 30).context
    let changes: [(inout Data) -> Void] = [
      { $0[0] ^= 1 }, { $0[$0.count - 1] ^= 1 }, { $0[$0.count - 100] ^= 1 }, { $0.removeLast(200) },
    ]
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: packFolder).first)
    let digest = try #require(Digest256(hex: name))
    let url = URL(fileURLWithPath: "\(packFolder)/\(name)")
    let whole = try Data(contentsOf: url)
    for change in changes {
      try whole.write(to: url)
      chmod(url.path, 0o600)
      let context = plain.reading(NearPacks(plain))
      #expect(try context.nearPacks?.open(digest) != nil)
      var bytes = whole
      change(&bytes)
      try bytes.write(to: url)
      let reader = try BlockReader(context: context, cache: ReadCache(blockCount: 4), for: .base)
      #expect(throws: PackIsFar.self) { try reader.block(0, of: digest) }
      #expect(!FileManager.default.fileExists(atPath: url.path))
    }
    #expect(try repository.store.list("quarantine", cancellation: nil).isEmpty)
  }

  @Test("What was used longest ago makes room for what is kept")
  func leastRecentlyUsed() throws {
    defer { cleanUp() }
    let cache = try #require(PackCache(folder + "/packs", limit: 3000))
    let packs = try (0..<4).map { number in
      let bytes = noise(1000, seed: UInt64(number))
      return (try bytes.withUnsafeBytes { try ContentHasher.hash($0) }, bytes)
    }
    for (number, (digest, bytes)) in packs.prefix(3).enumerated() {
      bytes.withUnsafeBytes { cache.keep(digest, $0) }
      // As if it had been an hour ago.
      let time = Date(timeIntervalSinceNow: Double(number - 10) * 3600)
      try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: "\(folder)/packs/\(digest.hex)")
    }
    let open = try #require(cache.open(packs[0].0))
    #expect(open.bytes(0..<1000) == packs[0].1)
    packs[3].1.withUnsafeBytes { cache.keep(packs[3].0, $0) }
    #expect(packs.map { cache.open($0.0) != nil } == [true, false, true, true])
    #expect(PackCache(folder + "/none", limit: 0) == nil)
    noise(3001).withUnsafeBytes { cache.keep(packs[1].0, $0) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/packs").count == 3)
  }
}

/// A store that does not list index objects.
private final class UnlistedIndex: ForwardingStore {
  let store: any ObjectStore

  init(store: any ObjectStore) {
    self.store = store
  }

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    if folder == "index" { throw .full(ObjectName(wellFormed: "index"), location: location) }
    try store.list(folder, after: last, cancellation: cancellation, take)
  }
}

/// What was warned of.
private final class Collected: Sendable {
  private let found = Monitor<[Diagnosis]>([])

  func add(_ diagnosis: Diagnosis) { found.update { $0.append(diagnosis) } }
  var all: [Diagnosis] { found.update { $0 } }
}
