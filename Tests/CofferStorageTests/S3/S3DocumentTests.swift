import Foundation
import TestSupport
import Testing

@testable import CofferStorage

@Suite("What servers of object storage answer")
struct S3DocumentTests {
  private func element(_ text: String) throws -> XMLElement { try XMLElement(Array(text.utf8)) }

  @Test("Elements have their names, texts and children, whatever stands around them")
  func elements() throws {
    let document = try element(
      """
      \u{FEFF}<?xml version="1.0" encoding="UTF-8"?>
      <!-- a > comment --><Result xmlns="http://s3.amazonaws.com/doc/2006-03-01/" note="a > b">
        <s3:Key>a &amp; b &lt;&gt;&quot;&apos;&#x41;&#66;</s3:Key><Empty/><None></None>
        <Data><![CDATA[<raw & plain>]]></Data><Key>second</Key>
      </Result>
      """)
    #expect(document.name == "Result")
    #expect(document.text("Key") == "a & b <>\"'AB")
    #expect(document.text("Empty") == "" && document.text("None") == "")
    #expect(document.text("Data") == "<raw & plain>")
    #expect(document.children.map(\.name) == ["Key", "Empty", "None", "Data", "Key"])
    #expect(document["Absent"] == nil)
  }

  @Test(
    "What is no document is refused",
    arguments: [
      "", "text", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a>&nbsp;</a>", "<a>&amp</a>", "<a>&#xD800;</a>", "<a",
      "<a b=\"></a>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a><!-- </a>", "<>x</>", "<a/>rest",
      "<a b c:d=''><e></a></e>", String(repeating: "<a>", count: 17) + String(repeating: "</a>", count: 17),
    ])
  func malformed(_ text: String) {
    #expect(throws: XMLElement.Malformed.self) { try element(text) }
  }

  @Test("Bytes that are changed at random are a document or none, and nothing else happens")
  func fuzzed() {
    let seed = Array(Self.list(["a", "b"], next: "t&amp;1").utf8)
    var random = SeededRandom(11)
    for _ in 0..<3000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let position = Int.random(in: 0..<bytes.count, using: &random)
        bytes[position] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      _ = try? S3ListPage(bytes)
    }
  }

  static func list(_ keys: [String], next: String? = nil) -> String {
    let contents = keys.map { key in
      "<Contents><Key>\(key)</Key><LastModified>2024-02-29T01:02:03.456Z</LastModified><Size>7</Size></Contents>"
    }
    let end = next.map { "<IsTruncated>true</IsTruncated><NextContinuationToken>\($0)</NextContinuationToken>" }
    return "<ListBucketResult>\(contents.joined())\(end ?? "<IsTruncated>false</IsTruncated>")</ListBucketResult>"
  }

  @Test("A page of a list has keys, sizes, times and where it goes on")
  func pages() throws {
    let page = try S3ListPage(Array(Self.list(["a&amp;b", "c/d"], next: "tok==").utf8))
    #expect(page.entries.map(\.key) == ["a&b", "c/d"])
    #expect(page.entries.map(\.size) == [7, 7])
    #expect(page.entries[0].received.timeIntervalSince1970 - 1_709_168_523.456 < 0.001)
    #expect(page.next == "tok==")
    #expect(try S3ListPage(Array(Self.list([]).utf8)).next == nil)
    let faulty = [
      "<Error/>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
      "<ListBucketResult><IsTruncated>perhaps</IsTruncated></ListBucketResult>",
      "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
      Self.list(["a"]).replacingOccurrences(of: "<Size>7", with: "<Size>-7"),
      Self.list(["a"]).replacingOccurrences(of: "2024-02-29T", with: "yesterday "),
    ]
    for text in faulty { #expect(throws: S3ListPage.Malformed.self, "\(text)") { try S3ListPage(Array(text.utf8)) } }
  }

  @Test("Parts of objects are told by their ends")
  func ranges() {
    #expect(ContentRange("bytes 0-9/100").map { ($0.bytes == 0..<10, $0.size) }! == (true, 100))
    #expect(ContentRange("bytes 5-5/*")?.bytes == 5..<6)
    let faulty = [
      "", "bytes", "bytes 0-9", "bytes 9-0/100", "bytes -9/100", "bytes 0-9/9", "bytes */100", "items 0-9/100",
      "bytes 0-9223372036854775807/*", "bytes 0-9/100/1", "bytes 1-2-3/9",
    ]
    for text in faulty { #expect(ContentRange(text) == nil, "\(text)") }
  }

  @Test("Times are read as servers write them, and nothing else is taken for one")
  func times() throws {
    let time = Date(timeIntervalSince1970: 1_369_353_600)
    #expect(AWSTime.compact(time) == "20130524T000000Z" && AWSTime.iso8601(time) == "2013-05-24T00:00:00Z")
    #expect(AWSTime.http("Fri, 24 May 2013 00:00:00 GMT") == time)
    #expect(AWSTime.compact(Date(timeIntervalSince1970: 1_709_253_909.9)) == "20240301T004509Z")
    #expect(AWSTime.compact(Date(timeIntervalSince1970: 1_709_164_799)) == "20240228T235959Z")
    #expect(AWSTime.iso8601("2013-05-24T00:00:00Z") == time && AWSTime.iso8601("2013-05-24T00:00:00.000Z") == time)
    for text in [
      "", "Fri, 24 May 2013 00:00:00 CET", "24 May 2013", "Fri, 99 May 2013 00:00:00 GMT", "x, 24 Mai 2013 0 GMT",
    ] {
      #expect(AWSTime.http(text) == nil)
    }
  }
}
