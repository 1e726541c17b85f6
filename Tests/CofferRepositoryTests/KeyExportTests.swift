import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Keys that are exported and imported")
struct KeyExportTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func paper(_ export: KeyExport) throws -> String { try export.paper.joined(separator: "\n") }

  private func importKey(_ export: KeyExport, _ repository: TestRepository) throws -> Bool {
    try Repository.importKey(
      export, in: repository.store, surroundings: TestRepository.surroundings(clock: repository.clock))
  }

  @Test("Text, paper and what stands around them give the same key back")
  func roundTrip() throws {
    let export = try TestRepository().repository.exportKey()
    let upper = try export.paper.map { $0.uppercased().replacingOccurrences(of: " ", with: "  ") }
    let forms = try [
      export.text, paper(export), "<pre>\n" + paper(export) + "\n</pre>",
      "To whom\n\n" + export.text + "\nit may concern",
      export.text.replacingOccurrences(of: "\n", with: "\r\n"), upper.joined(separator: "\r\n"),
    ]
    for form in forms {
      let read = try KeyExport(reading: bytes(form))
      #expect(read.record == export.record && read.key == export.key && read.repository == export.repository)
    }
    #expect(try export.paper.allSatisfy { $0.utf8.count < 70 })
  }

  @Test("One sign that is changed or missing anywhere in text or paper is noticed")
  func changedSigns() throws {
    let export = try TestRepository().repository.exportKey()
    for form in try [export.text, paper(export)] {
      let signs = bytes(form)
      for position in stride(from: 0, to: signs.count, by: 3) {
        var changed = signs
        changed[position] = changed[position] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
        for other in [changed, Array(signs[..<position] + signs[(position + 1)...])] {
          // What stands between the signs does not matter.
          if let read = try? KeyExport(reading: other) {
            #expect(read.record == export.record && read.key == export.key && read.repository == export.repository)
          }
        }
      }
    }
  }

  @Test("The line that does not fit is named, and so is a missing one")
  func namedLine() throws {
    let lines = try TestRepository().repository.exportKey().paper
    var wrong = lines
    wrong[5] = wrong[5].replacingOccurrences(of: "3:", with: "4:")
    #expect(throws: KeyExport.Unreadable(line: 6, problem: "'3:' was expected")) {
      try KeyExport(reading: bytes(wrong.joined(separator: "\n")))
    }
    wrong = lines
    wrong.remove(at: lines.count - 2)
    #expect(throws: KeyExport.Unreadable.self) { try KeyExport(reading: bytes(wrong.joined(separator: "\n"))) }
    #expect(throws: KeyExport.Unreadable(line: nil, problem: "Its end is missing")) {
      try KeyExport(reading: bytes(lines.dropLast().joined(separator: "\n")))
    }
    #expect(throws: KeyExport.Unreadable(line: nil, problem: "There is no key in it")) {
      try KeyExport(reading: bytes("a page\nof something else"))
    }
  }

  @Test("Any bytes are a key or none, and never more than was read")
  func hostile() throws {
    let text = bytes(try TestRepository().repository.exportKey().text)
    for seed in 1...300 as ClosedRange<UInt64> {
      var changed = text
      let places = noise(8, seed: seed)
      for (number, place) in places.enumerated() {
        changed[(Int(place) * 7 + number * 131) % changed.count] = places[(number + 1) % 8]
      }
      _ = try? KeyExport(reading: changed)
      _ = try? KeyExport(reading: noise(400, seed: seed))
    }
    #expect(throws: KeyExport.Unreadable(line: nil, problem: "It is far too long")) {
      try KeyExport(reading: [UInt8](repeating: 10, count: 2 << 20))
    }
  }

  @Test("A lost keys folder is brought back key by key, those of write-only hosts without their passphrases")
  func lostFolder() throws {
    let repository = try TestRepository()
    let second = SecretBytes(passphrase: "second")
    try repository.repository.addWriteOnlyKey(passphrase: second, passphraseCost: 5)
    let data = ["a": dumpLikeBytes(50_000)]
    let archive = try repository.backUp(data, name: "host", with: try repository.reopened(passphrase: second))
    let exports = try repository.repository.keys().map { try repository.repository.exportKey($0.id) }
    for export in exports { #expect(try !importKey(export, repository)) }
    let stored = try repository.store.list("keys").map { (name: $0.name, bytes: try repository.store.get($0.name)) }
    for (name, _) in stored { try repository.store.delete(name) }
    #expect(throws: RepositoryError.keysMissing(location: "memory")) { try repository.reopened() }
    for export in exports { #expect(try importKey(export, repository)) }
    for (name, bytes) in stored { #expect(try repository.store.get(name) == bytes) }
    #expect(try repository.contents(of: archive) == data)
    #expect(try repository.reopened(passphrase: second).role == .writeOnly)
  }

  @Test("A key of another repository, a removed one, and one with an older passphrase are refused")
  func refused() throws {
    let repository = try TestRepository()
    #expect(throws: RepositoryError.self) { try importKey(try TestRepository().repository.exportKey(), repository) }
    let foreign = try TestRepository().repository.exportKey()
    let relabelled = KeyExport(repository: repository.repository.header.id, key: foreign.key, record: foreign.record)
    #expect(
      throws: RepositoryError.unusableExport(location: "memory", detail: "the repository's root has not signed it")
    ) { try importKey(relabelled, repository) }
    let second = SecretBytes(passphrase: "second")
    try repository.repository.addWriteOnlyKey(passphrase: second, passphraseCost: 5)
    let host = try repository.reopened(passphrase: second)
    let older = try host.exportKey()
    try host.changePassphrase(to: SecretBytes(passphrase: "third"), passphraseCost: 5)
    #expect(throws: RepositoryError.self) { try importKey(older, repository) }
    let newer = try repository.reopened().exportKey(older.key)
    #expect(newer.record != older.record)
    try repository.reopened().removeKey(older.key)
    #expect(throws: RepositoryError.keyRemoved(location: "memory", key: older.key)) {
      try importKey(newer, repository)
    }
    #expect(throws: RepositoryError.keyRemoved(location: "memory", key: older.key)) {
      try repository.reopened().exportKey(older.key)
    }
  }

  @Test("The file of a keyfile repository's key is exported, brought back, and never replaced by another")
  func keyfile() throws {
    let repository = try TestRepository(mode: .keyfile)
    let export = try repository.repository.exportKey()
    let path = try #require(repository.repository.keyFilePath)
    let bytes = try #require(FileManager.default.contents(atPath: path))
    #expect(try !importKey(export, repository))
    for left in [nil, 0, 10, bytes.count - 1] {
      try FileManager.default.removeItem(atPath: path)
      if let left { try Data(bytes.prefix(left)).write(to: URL(fileURLWithPath: path)) }
      #expect(try importKey(export, repository))
      #expect(FileManager.default.contents(atPath: path) == bytes)
    }
    let name = try #require(try repository.store.list("keys").first).name
    let stored = try repository.store.get(name)
    try repository.store.delete(name)
    #expect(try importKey(try KeyExport(reading: Array(bytes)), repository))
    #expect(try repository.store.get(name) == stored)
    try Data("another".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: SystemError.self) { try importKey(export, repository) }
    #expect(FileManager.default.contents(atPath: path) == Data("another".utf8))
  }

  @Test("A keyfile repository's passphrase is changed in its file, at once")
  func keyfilePassphrase() throws {
    let repository = try TestRepository(mode: .keyfile)
    let second = SecretBytes(passphrase: "second")
    let path = try #require(repository.repository.keyFilePath)
    #expect(try repository.repository.changePassphrase(to: second, passphraseCost: 5))
    #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) { try repository.reopened() }
    #expect(try repository.reopened(passphrase: second).role == .full)
    #expect(try !repository.reopened(passphrase: second).changePassphrase(to: second, passphraseCost: 5))
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    #expect(try repository.store.list("keys").count == 1)
  }

  @Test(
    "A key for another machine is written first and told to the repository then; a run between the two is carried on")
  func killedBetween() throws {
    let repository = try TestRepository(mode: .keyfile)
    let second = SecretBytes(passphrase: "second")
    let file = NSTemporaryDirectory() + "coffer-carried-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let key = NewKey(role: .writeOnly, file: file, passphraseCost: 5)
    let made = try repository.repository.addKey(key, passphrase: second)
    let name = try #require(KeyID(hex: made.id).flatMap { KeyName($0).object })
    let stored = try repository.store.get(name)
    try repository.store.delete(name)
    #expect(try repository.repository.addKey(key, passphrase: second) == (made.id, true))
    #expect(try repository.store.get(name) == stored)
    #expect(throws: SystemError.self) {
      try repository.repository.addKey(key, passphrase: SecretBytes(passphrase: "third"))
    }
  }
}
