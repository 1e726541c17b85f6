import CofferStorage
import CofferSystem
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Compacting where the store overwrites")
struct OverwritingStoreTests {
  private static func shelf(_ store: any ObjectStore, refusesTakenNames: Bool?) -> GatedStore {
    GatedStore(store, abilities: StoreAbilities(kind: "a shelf", refusesTakenNames: refusesTakenNames))
  }

  @Test("Nothing is decided there, unless somebody promises to be the only one; what would be done is told")
  func refused() throws {
    let ground = try CompactionGround.aged()
    let names = try ground.names("")
    let overwriting = Self.shelf(ground.store, refusesTakenNames: false)
    #expect(throws: CompactionError.overwritingStore(location: ground.store.location)) {
      try ground.compact(over: overwriting)
    }
    #expect(try ground.names("") == names)
    #expect(try ground.compact(CompactionOptions(isDryRun: true), over: overwriting).outcome == .planned)
    let report = try ground.compact(CompactionOptions(isExclusive: true), over: overwriting)
    #expect(report.outcome == .done && report.sizeAfter < report.sizeBefore)
    try ground.expectWhole()
    #expect(try ground.compact(over: overwriting).outcome == .nothing)
  }

  @Test("A round that was begun there is gone on with by the same promise only")
  func begun() throws {
    let ground = try CompactionGround.aged()
    let stopping = GatedStore(ground.store) { (call, name, _) throws(StorageError) in
      if call == .put, let name, name.path.contains("-closed-") { throw StorageError.full(name, location: "here") }
    }
    #expect(throws: StorageError.self) { try ground.compact(over: stopping) }
    #expect(try ground.names("gc").count == 1)
    let names = try ground.names("")
    let overwriting = Self.shelf(ground.store, refusesTakenNames: false)
    #expect(throws: CompactionError.overwritingStore(location: ground.store.location)) {
      try ground.compact(over: overwriting)
    }
    #expect(try ground.names("") == names)
    #expect(try ground.compact(CompactionOptions(isExclusive: true), over: overwriting).outcome == .done)
    try ground.expectWhole()
  }

  @Test("A store of which nobody can find that out is compacted")
  func unknown() throws {
    let ground = try CompactionGround.aged()
    #expect(try ground.compact(over: Self.shelf(ground.store, refusesTakenNames: nil)).outcome == .done)
    try ground.expectWhole()
  }
}
