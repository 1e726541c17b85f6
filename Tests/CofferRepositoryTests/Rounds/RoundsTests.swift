import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

@Suite("What is seen of compaction's rounds")
struct RoundsTests {
  private let repository: TestRepository

  init() throws {
    repository = try TestRepository()
  }

  private func load(_ repository: Repository? = nil) throws -> Rounds {
    try Rounds.load((repository ?? self.repository.repository).context)
  }

  @Test("Before the first round everything counts")
  func none() throws {
    let rounds = try load()
    #expect(rounds.newest == 0 && rounds.highestClosed == 0)
    #expect(rounds.counts(digest(1), round: 0))
    #expect(rounds.standing(of: "a", round: 0) == .counts)
  }

  @Test("From its plan on a round says which older index objects count, and from its sweep on the sweep does")
  func index() throws {
    try repository.plan(1, index: [digest(1)])
    var rounds = try load()
    #expect(rounds.newest == 1 && rounds.highestClosed == 0)
    #expect(rounds.counts(digest(1), round: 0) && !rounds.counts(digest(2), round: 0))
    #expect(rounds.counts(digest(2), round: 1))
    try repository.close(1)
    #expect(try load().counts(digest(1), round: 0))
    try repository.sweep(1, index: [digest(2)], census: [])
    rounds = try load()
    #expect(!rounds.counts(digest(1), round: 0) && rounds.counts(digest(2), round: 0))
    #expect(rounds.counts(digest(1), round: 1))
    try repository.plan(2, index: [digest(3)])
    rounds = try load()
    #expect(rounds.newest == 2 && rounds.highestClosed == 1)
    #expect(rounds.counts(digest(3), round: 0) && !rounds.counts(digest(2), round: 0))
  }

  @Test("An archive of before a closing is undecided until the census is there, and then counts or is void")
  func archives() throws {
    try repository.plan(1)
    #expect(try load().standing(of: "a", round: 0) == .counts)
    try repository.close(1)
    #expect(try load().standing(of: "a", round: 0) == .undecided)
    #expect(try load().standing(of: "a", round: 1) == .counts)
    try repository.sweep(1, census: ["a"])
    #expect(try load().standing(of: "a", round: 0) == .counts)
    #expect(try load().standing(of: "b", round: 0) == .void)
    try repository.plan(2)
    try repository.close(2)
    let rounds = try load()
    #expect(rounds.standing(of: "b", round: 1) == .undecided)
    #expect(rounds.standing(of: "a", round: 0) == .counts)
    #expect(rounds.standing(of: "b", round: 0) == .void)
    #expect(rounds.standing(of: "b", round: 2) == .counts)
    try repository.sweep(2, census: ["b"])
    #expect(try load().standing(of: "a", round: 0) == .void)
  }

  @Test("A write-only key sees the rounds of full keys as they do, and neither believes what another has signed")
  func forged() throws {
    try repository.plan(1, index: [digest(1)])
    let thief = try repository.withWriteOnlyKey()
    let host = try repository.withWriteOnlyKey(SecretBytes(passphrase: "host"))
    for kind in 0..<3 {
      let tag = String(repeating: "\(kind)", count: 32)
      try repository.forge(RoundPlan(round: 9, condemned: [], index: []), tag: tag, by: thief.context)
      try repository.forge(RoundClosing(round: 9), tag: tag, by: thief.context)
      try repository.forge(RoundSweep(round: 9, going: [], index: [], census: []), tag: tag, by: thief.context)
      try repository.forge(RoundPlan(round: 1, condemned: [digest(8)], index: []), tag: tag, by: thief.context)
    }
    try repository.store.put(ObjectName("gc/8-closed-" + String(repeating: "3", count: 32))!, [1, 2, 3])
    try repository.store.put(ObjectName("gc/notes")!, [1])
    // What a full key has signed, under a name that it has not given.
    let name = try repository.name(1, .plan)
    let copy = ObjectName("gc/7-plan-" + name.lastPart.suffix(32))!
    try repository.store.put(copy, try repository.store.get(name))
    for opened in [try repository.reopened(), host, thief] {
      let rounds = try load(opened)
      #expect(rounds.newest == 1 && rounds.highestClosed == 0)
      #expect(rounds.plan?.index == [digest(1)] && rounds.plan?.condemned == [])
    }
    #expect(try load(try repository.reopened()).strays.count == 15)
  }

  @Test(
    "A decision that does not open stops a full key, which knows its name; a write-only key passes it over and says so")
  func damaged() throws {
    try repository.plan(1)
    try repository.close(1)
    let name = try repository.name(1, .closing)
    repository.store.tamper(name) { $0[80] ^= 1 }
    #expect(throws: RepositoryError.self) { try load(try repository.reopened()) }
    _ = try repository.withWriteOnlyKey()
    let said = Monitor<[String]>([])
    let host = try repository.opened(
      in: repository.store, passphrase: TestRepository.thief, warn: { told in said.update { $0.append(told.problem) } })
    #expect(try load(host).highestClosed == 0)
    #expect(said.update { $0 }.filter { $0.contains(name.path) && $0.contains("passed over") }.count == 1)
  }

  @Test("A store that does not answer for a decision is no store without one", arguments: [true, false])
  func unanswered(isFull: Bool) throws {
    try repository.plan(1)
    _ = try repository.withWriteOnlyKey()
    let store = RecordingStore(
      repository.store,
      beforeGet: { (name) throws(StorageError) in
        guard name.path.hasPrefix("gc/") else { return }
        throw .failed(name, location: "memory", StorageFailure(.permanent, "get", reason: "denied"))
      })
    let opened = try repository.opened(
      in: store, passphrase: isFull ? TestRepository.passphrase : TestRepository.thief)
    #expect(throws: StorageError.self) { try load(opened) }
    #expect(throws: StorageError.self) { try opened.beginSession(cancellation: try Cancellation()) }
  }

  @Test("A list that cannot have been is made again")
  func impossibleList() throws {
    try repository.plan(1)
    try repository.close(1)
    try repository.sweep(1, census: [])
    let lists = Mutex(0)
    let store = ObservedStore(
      repository.store, before: { call in if call == "list gc" { lists.withLock { $0 += 1 } } },
      shows: { name in
        lists.withLock { $0 } > 3 || !(name.path.contains("-plan-") || name.path.contains("-sweep-"))
      })
    let rounds = try load(try repository.opened(in: store))
    #expect(rounds.sweep != nil && rounds.newest == 1)
    #expect(lists.withLock { $0 } == 4)
  }

  @Test("Where plan and sweep of the newest round stay away nobody guesses what counts")
  func lostDecisions() throws {
    try repository.plan(1)
    try repository.close(1)
    try repository.store.delete(try repository.name(1, .plan))
    #expect(throws: RepositoryError.self) { try load() }
    #expect(throws: RepositoryError.self) { try repository.repository.beginSession(cancellation: try Cancellation()) }
  }

  @Test("A decision that cannot be read stops no reader: archives are shown as undecided, and it is said")
  func unreadableDecision() throws {
    let archive = try repository.backUp(["a": [1, 2, 3]])
    try repository.plan(1)
    try repository.close(1)
    try repository.sweep(1, census: [])
    repository.store.tamper(try repository.name(1, .sweep)) { $0[80] ^= 1 }
    let said = Monitor<[String]>([])
    let opened = try repository.opened(
      in: repository.store, warn: { told in said.update { $0.append(told.problem) } })
    #expect(try opened.archives().map(\.standing) == [.undecided])
    #expect(said.update { $0 }.filter { $0.contains("not known which archives count") }.count == 1)
    #expect(try repository.contents(of: archive) == ["a": [1, 2, 3]])
    #expect(throws: RepositoryError.self) { try opened.beginSession(cancellation: try Cancellation()) }
    let report = try opened.check(.tables, cancellation: try Cancellation())
    #expect(report.findings.contains { $0.object.hasPrefix("gc/1-sweep-") })
  }

  @Test("A check tells every object of a round that cannot be read, once, also of rounds that are over")
  func checked() throws {
    try repository.backUp(["a": [1, 2, 3]])
    for round in 1...2 {
      try repository.plan(round)
      try repository.close(round)
      try repository.sweep(round, census: try repository.repository.archives().map(\.id))
    }
    for kind in RoundObjectKind.allCases {
      for round in 1...2 {
        let name = try repository.name(round, kind)
        repository.store.tamper(name) { $0[80] ^= 1 }
        let report = try repository.reopened().check(.tables, cancellation: try Cancellation())
        #expect(report.findings.filter { $0.object == name.path }.count == 1, "\(name)")
        repository.store.tamper(name) { $0[80] ^= 1 }
      }
    }
    let report = try repository.reopened().check(.content, cancellation: try Cancellation())
    #expect(report.findings == [])
  }

  @Test("A decision that is deleted while it is looked for makes another look, which sees the next round")
  func deletedMeanwhile() throws {
    try repository.plan(1)
    try repository.close(1)
    try repository.sweep(1, index: [digest(1)], census: [])
    let isFirst = Mutex(true)
    let name = try repository.name(1, .sweep)
    let store = ObservedStore(
      repository.store,
      before: { [repository] call in
        guard call == "get \(name)",
          isFirst.withLock({ first in
            defer { first = false }; return first
          })
        else { return }
        _ = try? repository.plan(2, index: [digest(2)])
        try? repository.close(2)
        _ = try? repository.sweep(2, index: [digest(2)], census: ["a"])
        try? repository.store.delete(name)
        try? repository.store.delete(repository.name(1, .plan))
      })
    let rounds = try load(try repository.opened(in: store))
    #expect(rounds.newest == 2 && rounds.sweep?.index == [digest(2)])
  }

  @Test("What somebody puts under the names of a round that is over stops nobody")
  func oldNames() throws {
    for round in 1...2 {
      try repository.plan(round)
      try repository.close(round)
      try repository.sweep(round, census: [])
    }
    for kind in [RoundObjectKind.plan, .sweep] {
      let name = try repository.name(1, kind)
      try repository.store.delete(name)
      try repository.store.put(name, [1, 2, 3])
    }
    #expect(try load().highestClosed == 2)
  }
}
