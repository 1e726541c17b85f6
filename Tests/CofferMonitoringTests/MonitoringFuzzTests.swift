import CCurl
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferMonitoring

@Suite("Random text in what services are sent")
struct MonitoringFuzzTests {
  /// Reads a sample's line as the text format is described
  /// (https://prometheus.io/docs/instrumenting/exposition_formats/); nil for what is none.
  private static func labels(_ line: String) -> [String: String]? {
    var rest = Array(line.unicodeScalars)[...]
    guard let open = rest.firstIndex(of: "{") else { return [:] }
    rest = rest[(open + 1)...]
    var labels: [String: String] = [:]
    while let first = rest.first, first != "}" {
      guard let equals = rest.firstIndex(of: "="), rest[(equals + 1)...].first == "\"" else { return nil }
      let name = String(String.UnicodeScalarView(rest[..<equals]))
      rest = rest[(equals + 2)...]
      var value = String.UnicodeScalarView()
      while let scalar = rest.popFirst(), scalar != "\"" {
        guard scalar == "\\" else {
          value.append(scalar)
          continue
        }
        switch rest.popFirst() {
        case "\\": value.append("\\")
        case "\"": value.append("\"")
        case "n": value.append("\n")
        default: return nil
        }
      }
      labels[name] = String(value)
      if rest.first == "," { rest.removeFirst() }
    }
    guard rest.first == "}", rest.dropFirst().first == " " else { return nil }
    return Double(String(String.UnicodeScalarView(rest.dropFirst(2)))) == nil ? nil : labels
  }

  @Test("A reader of Prometheus's format finds each label's value, and no line that a value began")
  func prometheus() throws {
    try Fuzz.run(.prometheusValue) { random in
      let texts = random.texts(100)
      let lines = texts.map { "m{a=\(Quoting.prometheusValue($0)),b=\"x\"} 1" }
      let text = lines.joined(separator: "\n")
      let found = text.utf8.split { $0 == 10 || $0 == 13 }.map { Self.labels(String(decoding: $0, as: UTF8.self)) }
      try #require(found.count == texts.count, "seed \(random.seed)")
      for (found, text) in zip(found, texts) {
        // A carriage return is a blank, so that no reader takes it for a line's end.
        let wanted = text.swapping("\r", for: " ")
        try #require(found?["a"].map { ExactName($0) } == ExactName(wanted), "seed \(random.seed)")
        try #require(found?["b"] == "x")
      }
    }
  }

  @Test("A reader of HTML finds what a terminal would show, and neither a tag nor the end of an attribute")
  func html() throws {
    try Fuzz.run(.html) { random in
      for text in random.texts(200) {
        let quoted = Quoting.html(text)
        try #require(!quoted.utf8.contains { "<>\"'".utf8.contains($0) }, "seed \(random.seed)")
        // The ampersand last: it may be part of what stood there.
        let read = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")].reduce(quoted) {
          $0.swapping($1.0, for: $1.1)
        }
        try #require(ExactName(read) == ExactName(Quoting.terminal(text)), "seed \(random.seed)")
      }
    }
  }

  @Test("libcurl reads back each part of a URL")
  func urls() throws {
    try Fuzz.run(.urlPart) { random in
      for text in random.texts(200) {
        let part = Quoting.urlPart(text)
        let address = curl_url()
        defer { curl_url_cleanup(address) }
        let url = "https://user:\(part)@host.example/a/\(part)/z?q=\(part)&r=1#\(part)"
        try #require(curl_url_set(address, CURLUPART_URL, url, 0) == CURLUE_OK, "seed \(random.seed): \(url)")
        func read(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
          var text: UnsafeMutablePointer<CChar>?
          guard curl_url_get(address, part, &text, flags) == CURLUE_OK, let text else { return nil }
          defer { curl_free(text) }
          return String(cString: text)
        }
        try #require(read(CURLUPART_HOST) == "host.example", "seed \(random.seed): \(url)")
        try #require(read(CURLUPART_PATH) == "/a/\(part)/z" && read(CURLUPART_QUERY) == "q=\(part)&r=1")
        // libcurl decodes no part that would then hold a control character; one by one it does.
        var length: Int32 = 0
        let decoded = curl_easy_unescape(nil, part, Int32(part.utf8.count), &length)
        defer { curl_free(decoded) }
        let bytes = UnsafeRawBufferPointer(start: decoded, count: Int(length))
        try #require(bytes.elementsEqual(text.utf8), "seed \(random.seed): \(url)")
        if !text.utf8.contains(where: { $0 < 32 || $0 == 127 }), !text.isEmpty {
          let decoding = UInt32(CURLU_URLDECODE)
          try #require(read(CURLUPART_PASSWORD, decoding)?.isSame(as: text) == true, "seed \(random.seed): \(url)")
          try #require(read(CURLUPART_FRAGMENT, decoding)?.isSame(as: text) == true, "seed \(random.seed): \(url)")
        }
      }
    }
  }
}
