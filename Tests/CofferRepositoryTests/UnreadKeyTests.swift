import CofferStorage
import CofferSystem
import Testing

@testable import CofferRepository

private let second = SecretBytes(passphrase: "second")

@Suite("Keys that the store cannot read")
struct UnreadKeyTests {
  private func object(_ path: String) throws -> ObjectName { try #require(ObjectName(path)) }

  private func add(_ role: KeyRole, _ repository: TestRepository) throws -> String {
    try repository.repository.addKey(NewKey(role: role, passphraseCost: 5), passphrase: second).id
  }

  @Test("A key that cannot be read is neither lost nor is its passphrase wrong")
  func passphrase() throws {
    let repository = try TestRepository()
    let own = try object("keys/\(repository.repository.context.keys.id)")
    let unread = RepositoryError.keyUnread(location: "memory", object: own.path)
    let said = Monitor<[String]>([])
    #expect(throws: unread) { try repository.open(UnreadStore(repository.store, own), said: said) }
    _ = try add(.full, repository)
    #expect(throws: unread) { try repository.open(UnreadStore(repository.store, own), said: said) }
    _ = try repository.open(UnreadStore(repository.store, own), passphrase: second, said: said)
    #expect(said.update { $0 }.allSatisfy { $0.contains("Input/output error") })
  }

  @Test("Where no key opens, it is said that the right one may be damaged, for that looks like a wrong passphrase")
  func damaged() throws {
    let repository = try TestRepository()
    let own = try object("keys/\(repository.repository.context.keys.id)")
    repository.store.tamper(own) { $0[$0.count - 1] ^= 0x04 }
    let error = #expect(throws: RepositoryError.self) { try repository.open(said: Monitor([])) }
    #expect(error == .wrongPassphrase(location: "memory"))
    #expect(error?.diagnosis.suggestion?.contains("damaged") == true, "\(String(describing: error))")
  }

  @Test("A key that is asked for by its id, and cannot be read, is not said to be none")
  func asked() throws {
    let repository = try TestRepository()
    let id = try add(.writeOnly, repository)
    let object = try object("keys/\(id)")
    let opened = try repository.open(UnreadStore(repository.store, object), said: Monitor([]))
    let asked = String(id.prefix(8))
    let unread = RepositoryError.askedKeyUnread(asked, location: "memory", object: object.path)
    #expect(throws: unread) { try opened.removeKey(asked) }
    #expect(throws: unread) { try opened.exportKey(asked) }
    #expect(try opened.noKey(asked) == unread)
    let other = RepositoryError.noSuchKey("zzzz", location: "memory")
    #expect(throws: other) { try opened.removeKey("zzzz") }
  }

  @Test("Compaction blames no archive where a key cannot be read that has stored what the archive needs")
  func compaction() throws {
    let repository = try TestRepository()
    let id = try object("keys/\(try add(.full, repository))")
    let files = ["a": noise(50_000)]
    let archive = try repository.backUp(files, with: try repository.reopened(passphrase: second))
    let opened = try repository.open(UnreadStore(repository.store, id), said: Monitor([]))
    let error = #expect(throws: CompactionError.self) { try opened.compact(cancellation: try Cancellation()) }
    #expect("\(try #require(error))".contains("the store could not read \(id.path)"), "\(String(describing: error))")
    #expect(try repository.contents(of: archive) == files)
  }

  @Test("Removing a write-only key warns of nothing that is done a moment later")
  func removal() throws {
    let repository = try TestRepository()
    let id = try add(.writeOnly, repository)
    try repository.backUp(["a": [1]], with: try repository.reopened(passphrase: second))
    let said = Monitor<[String]>([])
    #expect(try repository.open(said: said).removeKey(id) == id)
    #expect(said.update { $0 } == [])
  }

  @Test("Where the list of a removed key's archives cannot be read, nobody is told that the removal is not at its end")
  func list() throws {
    let repository = try TestRepository()
    let id = try add(.writeOnly, repository)
    try repository.backUp(["a": [1]], with: try repository.reopened(passphrase: second))
    try repository.repository.removeKey(id)
    let said = Monitor<[String]>([])
    let opened = try repository.open(UnreadStore(repository.store, object("removed/\(id)-archives")), said: said)
    #expect(try opened.archives().count == 1)
    #expect(said.update { $0 }.contains { $0.contains("Which archives of the removed key \(id) count is not known") })
    #expect(!said.update { $0 }.contains { $0.contains("has not come to its end") })
  }
}
