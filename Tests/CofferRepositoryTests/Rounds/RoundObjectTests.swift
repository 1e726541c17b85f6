import CofferStorage
import CofferSystem
import Synchronization
import Testing

@testable import CofferRepository

@Suite("The objects of compaction's rounds")
struct RoundObjectTests {
  private let repository: TestRepository

  init() throws {
    repository = try TestRepository()
  }

  private let sweep = RoundSweep(
    round: 300, going: [digest(2), digest(1)], index: [digest(3)], census: ["20260131t030000z-0123456789abcdef", "a"])

  private func decode<Object: RoundObject>(_ bytes: [UInt8], _ type: Object.Type) throws -> Object {
    try bytes.withUnsafeBytes { try Object(decoding: $0) }
  }

  @Test("What was encoded comes back, and nothing that was cut short, lengthened or put in another order")
  func encodings() throws {
    let plan = RoundPlan(round: 1, condemned: [digest(7), digest(9)], index: [])
    let closing = RoundClosing(round: 999_999_999)
    #expect(try decode(plan.encoded(), RoundPlan.self) == plan)
    #expect(try decode(closing.encoded(), RoundClosing.self) == closing)
    let bytes = sweep.encoded()
    #expect(try decode(bytes, RoundSweep.self) == sweep)
    for count in 0..<bytes.count {
      #expect(throws: ByteReader.Malformed.self) { try decode(Array(bytes[..<count]), RoundSweep.self) }
    }
    #expect(throws: ByteReader.Malformed.self) { try decode(bytes + [0], RoundSweep.self) }
    var swapped = ByteWriter()
    swapped.varint(1)
    swapped.varint(2)
    for number: UInt8 in [9, 7] { swapped.digest(digest(number)) }
    swapped.varint(0)
    #expect(throws: ByteReader.Malformed.self) { try decode(swapped.bytes, RoundPlan.self) }
    var twice = ByteWriter()
    for number in [1, 0, 0, 2] { twice.varint(number) }
    for _ in 0..<2 { twice.text("a") }
    #expect(throws: ByteReader.Malformed.self) { try decode(twice.bytes, RoundSweep.self) }
    for name in ["", "A", "a/b", "\u{e9}", ".a"] {
      let sweep = RoundSweep(round: 1, going: [], index: [], census: [name])
      #expect(throws: ByteReader.Malformed.self) { try decode(sweep.encoded(), RoundSweep.self) }
    }
    var tooHigh = ByteWriter()
    tooHigh.varint(1_000_000_000)
    #expect(throws: ByteReader.Malformed.self) { try decode(tooHigh.bytes, RoundClosing.self) }
  }

  @Test("No bytes make a decoder crash or ask for memory that they do not fill")
  func anyBytes() throws {
    var state: UInt64 = 99
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    let good = [sweep.encoded(), RoundPlan(round: 2, condemned: [digest(4)], index: [digest(5)]).encoded()]
    for _ in 0..<20_000 {
      var bytes = good[Int(next() % 2)]
      for _ in 0...next() % 4 { bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next()) }
      if next() % 3 == 0 { bytes = Array(bytes.prefix(Int(next() % UInt64(bytes.count)))) }
      // What is read is what would be written: there is one encoding of each value.
      if let found = try? decode(bytes, RoundSweep.self) { #expect(found.encoded().count <= bytes.count) }
      if let found = try? decode(bytes, RoundPlan.self) { #expect(found.encoded().count <= bytes.count) }
      if let found = try? decode(bytes, RoundClosing.self) { #expect(found.encoded().count <= bytes.count) }
      _ = try? bytes.withUnsafeBytes { try IndexSegment.decode($0) }
    }
    let index = IndexSegment.encode(
      [pack(1, 0..<25)].map {
        var pack = $0; pack.signer = repository.context.keys.id; return pack
      }, round: 7)
    for position in index.indices {
      var bytes = index
      bytes[position] ^= UInt8(truncatingIfNeeded: next() | 1)
      _ = try? bytes.withUnsafeBytes { try IndexSegment.decode($0) }
    }
  }

  @Test(
    "Only names as compaction gives them are rounds' names",
    arguments: [
      "gc/1", "gc/01-plan-", "gc/0-plan-", "gc/1-plans-", "gc/+1-plan-", "gc/1000000000-plan-", "gc/-1-plan-",
      "gc/1-plan-0",
      "xx/1-plan-", "gc/1-plan--", "gc/1-plan-g",
    ])
  func names(_ start: String) throws {
    let padding = String(repeating: "0", count: 32)
    if let name = ObjectName(start + padding) { #expect(RoundName(name) == nil) }
    let good = try #require(ObjectName("gc/12-closed-" + padding).flatMap { RoundName($0) })
    #expect(good.round == 12 && good.kind == .closing)
  }

  @Test("Full keys give an object the same name, and nobody else can know it")
  func tags() throws {
    let one = try repository.name(3, .sweep)
    let context = try repository.reopened().context
    let tags = try #require(try RootTags(context.keys, context.header))
    #expect(try RoundName(round: 3, .sweep, tags: tags)?.objectName == one)
    #expect(try RoundName(round: 3, .plan, tags: tags)?.objectName.lastPart.hasSuffix(one.lastPart.suffix(32)) == false)
    let thief = try repository.withWriteOnlyKey().context
    #expect(try RootTags(thief.keys, thief.header) == nil)
    #expect(throws: RepositoryError.self) { try Rounds.put(RoundClosing(round: 1), thief) }
    let other = try TestRepository()
    #expect(try other.name(3, .sweep) != one)
  }

  @Test("The first plan of a round counts for all: who comes later gets that one")
  func adopted() throws {
    let first = try repository.plan(1, condemned: [digest(1)])
    let second = try repository.plan(1, condemned: [digest(2)])
    #expect(second == first)
    #expect(try Rounds.load(repository.context).plan == first)
    let junk = try repository.name(1, .sweep)
    try repository.store.put(junk, [1, 2, 3])
    #expect(throws: RepositoryError.self) { try repository.sweep(1, census: []) }
  }

  @Test("A put whose answer was lost is done, and nothing else than a full key's object is adopted")
  func lostAnswer() throws {
    let calls = Mutex(0)
    let store = RecordingStore(repository.store) { (name) throws(StorageError) in
      guard name.path.hasPrefix("gc/"),
        calls.withLock({
          $0 += 1; return $0 == 1
        })
      else { return }
      throw .failed(name, location: "memory", StorageFailure(.transient, "put", reason: "cut"))
    }
    let context = try repository.opened(in: store).context
    let plan = RoundPlan(round: 1, condemned: [digest(5)], index: [])
    #expect(throws: StorageError.self) { try Rounds.put(plan, context) }
    #expect(try Rounds.put(plan, context) == plan)
  }
}
