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
}
