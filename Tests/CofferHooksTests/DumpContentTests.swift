import Foundation
import Testing

@testable import CofferHooks

@Suite("What was dumped is compared with what was restored")
struct DumpContentTests {
  private func content(_ tables: [(String, UInt64?)], objects: [String: Int] = [:], s: Int64? = nil) -> DumpContent {
    DumpContent(
      tables: tables.map { .init(name: $0.0, rows: $0.1) }, objects: objects,
      sequences: s.map { [.init(name: "s", value: $0)] } ?? [])
  }

  @Test("The same is no difference, nor is what was not counted")
  func same() {
    let known = content([("a", 3), ("b", nil)], objects: ["view": 1], s: 7)
    #expect(known.differences(in: known).isEmpty)
    #expect(known.differences(in: content([("a", nil), ("b", 9)], s: 7)).isEmpty)
  }

  @Test("Whatever is lost, too much or another is told with its name")
  func other() {
    let known = content([("a", 3), ("b", 1), ("c\n", 1)], objects: ["view": 2], s: 7)
    let found = content([("a", 2), ("b", 1), ("d", 0)], objects: ["view": 1], s: 6)
    #expect(
      known.differences(in: found) == [
        "table a has 2 rows, and had 3 when it was dumped", "table c\\n is missing",
        "table d is there, and was not when it was dumped", "1 object of kind 'view', and 2 when it was dumped",
        "sequence s stands at 6, and stood at 7",
      ])
    #expect(
      known.differences(in: content([("a", 3), ("b", 1), ("c\n", 1)])) == [
        "sequence s has no value, and had 7 when it was dumped"
      ])
  }

  @Test("Names that Unicode takes for one are two")
  func exact() {
    let known = content([("\u{e9}", 1)])
    #expect(known.differences(in: content([("e\u{301}", 1)])).count == 2)
  }

  @Test("Rows are summed without end")
  func sum() {
    #expect(content([("a", .max), ("b", 2)]).rowCount == .max)
    #expect(content([("a", nil)]).rowCount == nil)
    #expect(content([("a", 4), ("b", nil), ("c", 5)]).rowCount == 9)
  }

  @Test("It comes back from JSON as it was, with names of any bytes")
  func coding() throws {
    var content = content([("a", 3), ("b", nil)], objects: ["view": 1], s: -7)
    content.needs.roles = [ServerText([0xff, 0x27])]
    content.remark = "x"
    let bytes = try JSONEncoder().encode(content)
    #expect(try JSONDecoder().decode(DumpContent.self, from: bytes) == content)
  }

  @Test("Dump options that may leave something out keep anything from being counted; others do not")
  func options() {
    for options in [
      [], ["--jobs", "4"], ["-j4", "-Z", "0"], ["--no-owner", "--lock-wait-timeout=5s"], ["-O", "-x"],
    ] {
      #expect(!PostgreSQLDumpCensus.leavesOut(options), "\(options)")
    }
    for options in [
      ["--schema-only"], ["-t", "a"], ["--exclude-table-data=b"], ["--jobs", "4", "-n", "x"], ["--snapshot=1"], ["a"],
      ["-xta"], ["-j4", "b"], ["--serializable-deferrable"],
    ] {
      #expect(PostgreSQLDumpCensus.leavesOut(options), "\(options)")
    }
  }
}
