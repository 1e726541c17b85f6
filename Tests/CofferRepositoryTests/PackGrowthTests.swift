import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("How large packs become")
struct PackGrowthTests {
  private func sizes(_ growth: PackGrowth, _ count: Int) -> [Int] {
    var growth = growth
    return (0..<count).map { _ in
      defer { growth.add(growth.target) }
      return growth.target
    }
  }

  @Test("Those of a far place begin small and stay below the usual size; nearby all have it")
  func growth() {
    let target = 32 << 20
    #expect(sizes(PackGrowth(target: target, isFar: false), 5) == Array(repeating: target, count: 5))
    let far = sizes(PackGrowth(target: target, isFar: true), 20)
    #expect(far.prefix(5).map { $0 >> 20 } == [4, 4, 4, 6, 9])
    #expect(far.last == target / 3)
    #expect(far == far.sorted())
    // None is more than the half of what went before it, but for the smallest.
    var before = 0
    for size in far {
      #expect(size <= max(before / 2, 4 << 20))
      before += size
    }
  }

  @Test("A session's packs grow so in a far store, and are of one size in a folder", arguments: [true, false])
  func packs(isFar: Bool) throws {
    let repository = try TestRepository(packTarget: 8 << 20)
    let folder = NSTemporaryDirectory() + "coffer-growth-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let opened = try Repository.open(
      in: repository.store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: repository.clock.clock, random: .system, keyFolder: "", cacheFolder: folder, isFar: isFar, workers: 2))
    let files = ["noise": noise(12_000_000)]
    let archive = try repository.backUp(files, with: opened)
    #expect(try repository.contents(of: archive) == files)
    let sizes = try repository.store.list("packs", cancellation: nil).map(\.size).sorted()
    // A pack is full with the block that goes beyond its target, and has a directory behind it.
    let beyond = 600 << 10
    let data = sizes.filter { $0 > 1 << 18 }
    if isFar {
      // Where blocks end is another place with each key.
      #expect((5...9).contains(data.count), "\(sizes)")
      #expect(data.last ?? 0 <= (8 << 20) / 3 + beyond, "\(sizes)")
      #expect(data.count { $0 < (1 << 20) + beyond } >= 2, "\(sizes)")
    } else {
      #expect(data.count == 2 && data.last ?? 0 >= 8 << 20, "\(sizes)")
    }
  }
}
