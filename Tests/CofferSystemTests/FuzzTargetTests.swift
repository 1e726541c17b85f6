import Foundation
import TestSupport
import Testing

@Suite("Random text is tried on everything that quotes or reads text from outside")
struct FuzzTargetTests {
  private static var root: String { #filePath.components(separatedBy: "/").dropLast(3).joined(separator: "/") }

  private static func texts(below folder: String) throws -> [(name: String, text: String)] {
    try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)").filter { $0.hasSuffix(".swift") }.map {
      ($0, try String(contentsOfFile: "\(root)/\(folder)/\($0)", encoding: .utf8))
    }
  }

  @Test("each function that quotes has a target of its name")
  func functions() throws {
    let declaration = try Regex(#"public static func ([a-zA-Z]+)\("#, as: (Substring, Substring).self)
    let names = try Self.texts(below: "Sources/CofferSystem/Text").filter { $0.name.hasPrefix("Quoting") }
      .flatMap { $0.text.matches(of: declaration).map { String($0.output.1) } }
    #expect(Set(names).count > 15)
    #expect(Set(names).subtracting(FuzzTarget.allCases.map(\.rawValue)) == [])
  }

  @Test("each target is tried somewhere")
  func targets() throws {
    let tests = try Self.texts(below: "Tests").map(\.text).joined()
    #expect(FuzzTarget.allCases.filter { !tests.contains("Fuzz.run(.\($0.rawValue)") } == [])
  }
}
