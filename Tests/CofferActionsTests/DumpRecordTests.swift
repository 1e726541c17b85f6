import CofferHooks
import CofferRepository
import Foundation
import Testing

@testable import CofferActions

@Suite("What archives remember of dumps")
struct DumpRecordTests {
  private let record = DumpRecord(
    hook: "postgresql_databases", database: "a b", hostname: "db", port: 5433, label: "l", format: "custom",
    clientVersion: "15.1", serverVersion: "15.2", details: ["owner": "o"], bytes: 7, start: .distantPast,
    end: .distantFuture)

  private func item(_ dump: [UInt8]?) -> ArchiveItem {
    ArchiveItem(path: ItemPath("coffer/x"), content: .directory, mode: 0o700, modified: 0, dump: dump)
  }

  @Test("They are written as ever, byte for byte, and come back whole")
  func bytes() throws {
    let written = try record.encoded()
    let text =
      #"{"bytes":7,"clientVersion":"15.1","database":"a b","details":{"owner":"o"},"end":64092211200,"#
      + #""exitStatus":0,"format":"custom","hook":"postgresql_databases","hostname":"db","label":"l","port":5433,"#
      + #""serverVersion":"15.2","start":-62135769600}"#
    #expect(String(decoding: written, as: UTF8.self) == text)
    #expect(try DumpRecord(of: item(written)) == record)
    #expect(try DumpRecord(of: item(nil)) == nil)
    #expect(try ArchiveDump.all(in: [item(nil), item(written)]).map(\.record) == [record])
  }

  @Test("What was counted comes back with them, and those of earlier versions have none")
  func content() throws {
    var counted = record
    counted.content = DumpContent(tables: [.init(name: "a", rows: 3)], objects: ["view": 1], remark: "r")
    let written = try counted.encoded()
    #expect(try DumpRecord(of: item(written)) == counted)
    #expect(try DumpRecord(of: item(try record.encoded()))?.content == nil)
    let text = String(decoding: written, as: UTF8.self).replacingOccurrences(of: "\"rows\":3", with: "\"rows\":-3")
    #expect(throws: DumpRecord.Unreadable.self) { try DumpRecord(of: item(Array(text.utf8))) }
  }

  @Test("The facts of a base backup come back with them; what makes no sense is no record")
  func base() throws {
    var made = record
    let tablespaces = [
      try #require(BaseBackupFacts.Tablespace(oid: 16_385, location: ServerText([0x2f, 0xff]))),
      try #require(BaseBackupFacts.Tablespace(oid: 16_384, location: ServerText("/srv/a b"))),
    ]
    made.base = BaseBackupFacts(
      systemIdentifier: .max, timeline: 2, start: LogSequenceNumber(0x16_b374_d848),
      end: LogSequenceNumber(0x17_0000_0000), segmentSize: 1 << 24, hasChecksums: true, tablespaces: tablespaces)
    #expect(made.base != nil)
    let text = String(decoding: try made.encoded(), as: UTF8.self)
    #expect(try DumpRecord(of: item(Array(text.utf8))) == made)
    #expect(
      text.contains(
        #""base":{"end":"17\/0","hasChecksums":true,"segmentSize":16777216,"start":"16\/B374D848","#
          + #""systemIdentifier":"18446744073709551615","tablespaces":[{"location":"\/srv\/a b","oid":16384},"#
          + #"{"location":{"hex":"2fff"},"oid":16385}],"timeline":2}"#), "\(text)")
    for (right, wrong) in [
      (#""timeline":2"#, #""timeline":0"#), (#""17\/0""#, #""15\/0""#), (#""17\/0""#, #""170""#),
      ("16777216", "16777217"),
      (#""oid":16385"#, #""oid":16384"#), (#""\/srv"#, #""srv"#), ("18446744073709551615", "0"),
      ("2fff", "2fff00"),
    ] {
      let other = text.replacingOccurrences(of: right, with: wrong)
      #expect(other != text)
      #expect(throws: DumpRecord.Unreadable.self, "\(wrong)") { try DumpRecord(of: item(Array(other.utf8))) }
    }
  }

  @Test("One that cannot be read, or says what cannot be, is an error and no item like others")
  func unreadable() throws {
    let text = String(decoding: try record.encoded(), as: UTF8.self)
    let wrong = [
      "{", "[]", "\u{0}", text.replacingOccurrences(of: "\"bytes\":7", with: "\"bytes\":72057594037927937"),
      text.replacingOccurrences(of: "\"bytes\":7", with: "\"bytes\":-1"),
      text.replacingOccurrences(of: "64092211200", with: "253402300800"),
      text.replacingOccurrences(of: "-62135769600", with: "-62135769601"),
      text.replacingOccurrences(of: "\"hook\"", with: "\"hok\""),
    ]
    for text in wrong {
      #expect(throws: DumpRecord.Unreadable(path: "coffer/x"), "\(text)") {
        try ArchiveDump.all(in: [item(Array(text.utf8))])
      }
    }
  }
}
