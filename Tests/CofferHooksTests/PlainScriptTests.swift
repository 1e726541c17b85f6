import Testing

@testable import CofferHooks

@Suite("Plain dumps into databases that hold nothing")
struct PlainScriptTests {
  private func run(_ text: String) throws -> (output: String, isUnannounced: Bool) {
    var script = PlainScript()
    var output: [UInt8] = []
    // In pieces, as a dump comes.
    for piece in Array(text.utf8).split(separator: UInt8(ascii: "e"), omittingEmptySubsequences: false).dropLast() {
      try (Array(piece) + Array("e".utf8)).withUnsafeBytes { try script.feed($0) { output += $0 } }
    }
    let last = text.utf8.reversed().prefix { $0 != UInt8(ascii: "e") }.reversed()
    try Array(last).withUnsafeBytes { try script.feed($0) { output += $0 } }
    try script.finish { output += $0 }
    return (String(decoding: output, as: UTF8.self), script.isUnannounced)
  }

  @Test("What makes room is left out, settings and everything behind the first announcement are kept")
  func preamble() throws {
    let head = "--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\n"
    let content = "-- Name: t; Type: TABLE\nCREATE TABLE t (\n a int\n);\nDROP x;\n"
    let (output, isUnannounced) = try run(head + "DROP TABLE IF EXISTS public.t;\nDROP SCHEMA a;\n" + content)
    #expect(output == head + content)
    #expect(!isUnannounced)
  }

  @Test("A line break in a name makes nothing of what is left out a statement that is run, or an announcement")
  func names() throws {
    for line in ["SET x.y=1;ALTER ROLE m SUPERUSER;--", "-- Name: x", "\\! id", "SELECT pg_catalog.set_config(1)"] {
      let statement = "DROP TABLE IF EXISTS public.\"a\n\(line)\";\n"
      let (output, _) = try run("SET a = 1;\n" + statement + "-- Name: t; Type: TABLE\nCREATE TABLE t ();\n")
      #expect(output == "SET a = 1;\n-- Name: t; Type: TABLE\nCREATE TABLE t ();\n")
    }
  }

  @Test("A script that announces nothing is not taken for one that holds nothing")
  func unannounced() throws {
    #expect(try run("SET a = 1;\nCREATE TABLE t ();\n").isUnannounced)
    #expect(try !run("SET a = 1;\n").isUnannounced)
  }
}
