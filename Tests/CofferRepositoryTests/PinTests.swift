import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Pins of archives in the repository")
struct PinTests {
  private let ground: TestRepository
  private let said = Monitor<[String]>([])

  init() throws {
    ground = try TestRepository()
  }

  private func pin(_ reason: String = "the books") -> ArchivePin {
    ArchivePin(time: ground.clock.clock.now(), hostname: "db1", username: "root", reason: reason)
  }

  private func open(_ store: (any ObjectStore)? = nil) throws -> Repository { try ground.open(store, said: said) }

  private func thief() throws -> Repository { try ground.thief(said: said) }

  private var names: [ObjectName] { get throws { try ground.store.list("pins").map(\.name) } }

  private func isRefused(_ body: () throws -> Void) -> Bool {
    do {
      try body()
      return false
    } catch RepositoryError.pinnedArchive {
      return true
    } catch {
      return false
    }
  }

  @Test("A pinned archive is not deleted by any machine until it is unpinned, and the others are")
  func stays() throws {
    let (first, second) = (try ground.backUp(["a": [1]], name: "one"), try ground.backUp(["a": [2]], name: "two"))
    try ground.repository.pin(first, pin("why \n\u{301} \" not"))
    let other = try open()
    let pins = try other.pins(of: [first, second])
    #expect(pins.isPinned(first) && !pins.isPinned(second))
    #expect(pins.pin(of: first) == pin("why \n\u{301} \" not") && pins.pin(of: second) == nil)
    #expect(isRefused { try other.delete(first) })
    try other.delete(second)
    #expect(try other.archives().map(\.id) == [first.id])
    #expect(try other.unpin(first.id))
    #expect(try !other.unpin(first.id))
    #expect(try names.isEmpty)
    try other.delete(first)
    #expect(try other.archives().isEmpty)
    #expect(throws: RepositoryError.noSuchArchive(first.name, location: other.location)) { try other.pin(first, pin()) }
    #expect(try names.isEmpty)
  }

  @Test("An archive that is deleted while it is pinned is not said to be pinned, and keeps no pin")
  func race() throws {
    let archive = try ground.backUp(["a": [1]])
    // The record goes when the pin stands.
    let record = try #require(ObjectName("archives/\(archive.id)"))
    let store = WatchedStore(ground.store) { [ground] call, _ in
      if call.request == .status, call.name == record.path { try? ground.store.delete(record) }
    }
    let other = try open(store)
    #expect(throws: RepositoryError.self) { try other.pin(archive, pin()) }
    #expect(try names.isEmpty)
  }

  @Test(
    "A pin in whose place no file is left pins all the same, is said, and goes by hand only",
    arguments: StrangeEntry.allCases)
  func lost(entry: StrangeEntry) throws {
    let folder = try FolderRepository()
    defer { folder.remove() }
    let archive = try folder.backUp(["a": [1]], name: "one")
    let other = try folder.backUp(["a": [2]], name: "two")
    let repository = try folder.opened()
    try repository.pin(archive, pin())
    let name = try #require(try folder.store.list("pins").first).name
    try entry.replace(folder.path(name))
    let pins = try folder.opened().pins(of: [archive, other], mustKnow: true)
    #expect(pins.isPinned(archive) && pins.pin(of: archive) == nil && !pins.isPinned(other))
    #expect(isRefused { try folder.opened().delete(archive) })
    let error = #expect(throws: RepositoryError.self) { try folder.opened().unpin(archive.id) }
    #expect(error.map { "\($0)" }?.contains(name.path) == true)
    try FileManager.default.removeItem(atPath: folder.path(name))
    try folder.opened().delete(archive)
    #expect(try folder.opened().archives().map(\.id) == [other.id])
  }

  @Test("Where the folder of pins is none, nothing is deleted", arguments: [StrangeEntry.emptyFile, .link, .pipe])
  func lostFolder(entry: StrangeEntry) throws {
    let folder = try FolderRepository()
    defer { folder.remove() }
    let archive = try folder.backUp(["a": [1]], name: "one")
    try folder.opened().pin(archive, pin())
    try entry.replace("\(folder.folder)/pins")
    #expect(try !folder.opened().pins(of: [archive]).isPinned(archive))
    #expect(throws: StorageError.self) { try folder.opened().pins(of: [archive], mustKnow: true) }
    #expect(throws: StorageError.self) { try folder.opened().delete(archive) }
    #expect(try folder.opened().archives().map(\.id) == [archive.id])
  }

  @Test("A pin that is damaged pins all the same, is said, and is found by a check")
  func damaged() throws {
    let archive = try ground.backUp(["a": [1]])
    try ground.repository.pin(archive, pin())
    let name = try names[0]
    var bytes = try ground.store.get(name, limit: 1 << 20)
    bytes[bytes.count - 1] ^= 1
    try ground.store.delete(name)
    try ground.store.put(name, bytes)
    let other = try open()
    let pins = try other.pins(of: [archive])
    #expect(pins.isPinned(archive) && pins.pin(of: archive) == nil)
    #expect(said.update { $0 }.contains { $0.contains("counts as pinned all the same") })
    #expect(isRefused { try other.delete(archive) })
    #expect(try other.check(.tables, cancellation: try Cancellation()).findings.count == 1)
    // Another pin beside it tells why.
    try other.pin(archive, pin("again"))
    #expect(try open().pins(of: [archive]).pin(of: archive) == pin("again"))
    #expect(try other.unpin(archive.id))
    #expect(try names.isEmpty)
  }

  @Test(
    "Who has no full key pins nothing and unpins nothing, and what he forges or copies is none and goes with a compaction"
  )
  func forged() throws {
    let (archive, other) = (try ground.backUp(["a": [1]], name: "one"), try ground.backUp(["a": [2]], name: "two"))
    try ground.repository.pin(archive, pin())
    let genuine = try names[0]
    let thief = try thief()
    #expect(throws: RepositoryError.self) { try thief.pin(other, pin()) }
    #expect(throws: RepositoryError.self) { try thief.unpin(archive.id) }
    #expect(throws: RepositoryError.self) { try thief.delete(archive) }
    let tag = String(repeating: "ab", count: 16)
    // His own word, a full key's under the name of another archive, and nothing at all.
    let forged = try #require(ObjectName("pins/\(other.id)-0123456789abcdef-\(tag)"))
    try ground.store.put(
      forged,
      try thief.context.envelope.seal(
        Array(try RecordJSON.encoder.encode(pin())), purpose: .pin, context: Array(forged.path.utf8), random: .system))
    let copy = try #require(ObjectName("pins/\(other.id)-1123456789abcdef-\(tag)"))
    try ground.store.put(copy, try ground.store.get(genuine, limit: 1 << 20))
    try ground.store.put(ObjectName(wellFormed: "pins/nothing"), [1])
    for repository in [try open(), thief] {
      let pins = try repository.pins(of: [archive, other])
      #expect(pins.isPinned(archive) && !pins.isPinned(other))
      #expect(pins.pin(of: archive) == pin())
    }
    let owner = try open()
    #expect(try owner.compact(cancellation: try Cancellation()).removedLeftovers >= 3)
    #expect(try names == [genuine])
    try owner.delete(other)
    #expect(isRefused { try owner.delete(archive) })
  }

  @Test("Where pins cannot be listed nothing is deleted")
  func unlisted() throws {
    let archive = try ground.backUp(["a": [1]])
    let isBroken = Monitor(false)
    let store = GatedStore(ground.store) { request, _, _ throws(StorageError) in
      guard request == .list, isBroken.update({ $0 }) else { return }
      throw .failed(nil, location: "memory", StorageFailure(.permanent, "list", reason: "denied"))
    }
    let other = try open(store)
    isBroken.update { $0 = true }
    #expect(throws: StorageError.self) { try other.delete(archive) }
    #expect(try other.pins(of: [archive]).isPinned(archive) == false)
    #expect(said.update { $0 }.contains { $0.contains("which archives are pinned is not known") })
    #expect(try ground.repository.archives().map(\.id) == [archive.id])
  }

  @Test("The record of a pinned archive that cannot be read stays, too")
  func unreadable() throws {
    let archive = try ground.backUp(["a": [1]])
    try ground.repository.pin(archive, pin())
    let record = try #require(ObjectName("archives/\(archive.id)"))
    try ground.store.delete(record)
    try ground.store.put(record, [1, 2, 3])
    let other = try open()
    #expect(isRefused { try other.deleteUnreadable(archive.id) })
    #expect(try other.unpin(archive.id))
    try other.deleteUnreadable(archive.id)
    #expect(try ground.store.list("archives").isEmpty)
  }
}
