import CofferSystem
import Testing

@testable import CofferActions

@Suite("QR codes")
struct QRCodeTests {
  @Test("The image has a dark square for each of the code's, a light margin, and nothing else")
  func image() throws {
    let code = try QRCode("COFFER_KEY 1 0123")
    let size = code.rows.count + 8
    var drawn = [[Bool]](repeating: [Bool](repeating: false, count: size), count: size)
    let path = try #require(code.svg.components(separatedBy: "<path d=\"").last?.components(separatedBy: "\"").first)
    for run in path.components(separatedBy: "M").dropFirst() {
      let numbers = run.split(whereSeparator: { !"0123456789".contains($0) }).compactMap { Int($0) }
      #expect(run == "\(numbers[0]) \(numbers[1])h\(numbers[2])v1h-\(numbers[2])z")
      for column in numbers[0]..<numbers[0] + numbers[2] { drawn[numbers[1]][column] = true }
    }
    let light = [Bool](repeating: false, count: size)
    let margin = [Bool](repeating: false, count: 4)
    #expect(
      drawn == [light, light, light, light] + code.rows.map { margin + $0 + margin } + [light, light, light, light])
    // The three corners by which a reader finds the code (ISO 18004).
    let corner = [true, true, true, true, true, true, true]
    #expect(Array(code.rows[0].prefix(7)) == corner && Array(code.rows[0].suffix(7)) == corner)
    #expect(Array(code.rows[code.rows.count - 1].prefix(7)) == corner)
  }

  @Test("Where the library is not there, or is another, the message says what to install")
  func noLibrary() throws {
    for name in ["libqrencode.so.none", "libc.so.6"] {
      let error = #expect(throws: QRCode.NoLibrary.self) { try QRCode("x", by: name) }
      #expect(error?.diagnosis.problem.contains(name) == true)
      #expect(error?.diagnosis.suggestion?.contains("libqrencode4") == true)
    }
  }

  @Test("What is too long for a code is an error")
  func tooLong() throws {
    _ = try QRCode(String(repeating: "x", count: 2900))
    #expect(throws: SystemError.self) { try QRCode(String(repeating: "x", count: 3000)) }
  }
}
