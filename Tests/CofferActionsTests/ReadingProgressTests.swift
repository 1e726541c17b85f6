import CofferHooks
import Testing

@testable import CofferActions

@Suite("How far a reading is")
struct ReadingProgressTests {
  @Test(
    "Amount, per cent, rate and what is left, as far as each is known",
    arguments: [
      (0, 0, 0.0, "shop: 0 B"),
      (5_000_000, 0, 0.1, "shop: 5.00 MB"),
      (5_000_000, 20_000_000, 0.1, "shop: 5.00 MB of 20.0 MB, 25 %"),
      (5_000_000, 20_000_000, 1.0, "shop: 5.00 MB of 20.0 MB, 25 %, 5.00 MB/s, 3.0 s left"),
      (19_999_999, 20_000_000, 2.0, "shop: 20.0 MB of 20.0 MB, 99 %, 10.0 MB/s, 0.0 s left"),
      (20_000_000, 20_000_000, 2.0, "shop: 20.0 MB of 20.0 MB, 100 %, 10.0 MB/s"),
      // More than was said: a dump that is read twice, or a damaged record.
      (30_000_000, 20_000_000, 3.0, "shop: 30.0 MB of 20.0 MB, 100 %, 10.0 MB/s"),
      (5_000_000, 0, 1.0, "shop: 5.00 MB, 5.00 MB/s"),
    ] as [(UInt64, UInt64, Double, String)])
  func text(done: UInt64, total: UInt64, seconds: Double, expected: String) {
    #expect(ReadingProgress.text("shop", done: done, of: total, seconds: seconds) == expected)
  }

  @Test(
    "A backup is measured by what there was the last time, as far as that goes",
    arguments: [
      (0, nil, 9.0, ""), (5_000_000, nil, 9.0, ""), (0, 20_000_000, 0.0, " of about 20.0 MB, 0 %"),
      (5_000_000, 20_000_000, 0.2, " of about 20.0 MB, 25 %"),
      (5_000_000, 20_000_000, 10.0, " of about 20.0 MB, 25 %, about 30.0 s left"), (20_000_000, 20_000_000, 10.0, ""),
      (30_000_000, 20_000_000, 10.0, ""), (5, 0, 10.0, ""),
    ] as [(UInt64, UInt64?, Double, String)])
  func backup(read: UInt64, total: UInt64?, seconds: Double, expected: String) {
    #expect(ProgressDisplay.left(read, of: total, seconds: seconds) == expected)
  }

  @Test("What came back is told by rows, tables and seconds, as far as they are known")
  func restored() {
    func table(_ name: String, _ rows: UInt64?) -> DumpContent.Table { DumpContent.Table(name: name, rows: rows) }
    let many = DumpContent(tables: [table("a", 500), table("b", 1), table("c", nil)])
    #expect(RestoreTally.line("shop", many, seconds: 34) == "shop: 501 rows in 3 tables when it was dumped, 34.0 s")
    #expect(
      RestoreTally.line("shop", DumpContent(tables: [table("a", 1)]), seconds: 0.5)
        == "shop: 1 row in 1 table when it was dumped, 0.5 s")
    #expect(
      RestoreTally.line("shop", DumpContent(tables: [table("a", nil)]), seconds: 90)
        == "shop: 1 table when it was dumped, 1 min 30 s")
    #expect(RestoreTally.line("shop", nil, seconds: 2) == "shop: 2.0 s")
  }
}
