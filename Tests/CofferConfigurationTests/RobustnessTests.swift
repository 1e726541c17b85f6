import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Damaged configurations")
struct RobustnessTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 31)
    }
  }

  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Configurations")

  /// Drops, doubles, swaps and shifts lines, and puts odd values in.
  private func damaged(_ lines: [String], _ random: inout Generator) -> [String] {
    var lines = lines
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let place = Int.random(in: 0..<lines.count, using: &random)
      let other = Int.random(in: 0..<lines.count, using: &random)
      switch Int.random(in: 0..<7, using: &random) {
      case 0 where lines.count > 1: lines.remove(at: place)
      case 1: lines.insert(lines[other], at: place)
      case 2: lines.swapAt(place, other)
      case 3: lines[place] = "  " + lines[place]
      case 4: lines[place] = String(lines[place].drop { $0 == " " })
      case 5: lines[place] += ["", " []", " {}", " !retain", " &a", " *a", " {x: }", " ~", " 7"][other % 9]
      default:
        let head = lines[place].prefix { $0 != ":" }
        let values = [
          "[]", "{}", "~", "[[]]", "{a: {b: [c]}}", "'{credential x'", "${", "{user}", "!include x", "-1", "1e9",
        ]
        lines[place] = "\(head): \(values[other % values.count])"
      }
    }
    return lines
  }

  @Test("Whatever is wrong with a file, it is told where; what is right can be written anew")
  func files() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".yaml") }
    let environment = ProcessEnvironment(["DB_PASSWORD": "a", "BACKUP_PASSPHRASE": "b", "STAGE": "c"])
    for name in names.sorted() {
      let lines = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8).components(
        separatedBy: "\n")
      var random = Generator(state: UInt64(name.utf8.count))
      for _ in 0..<150 {
        let text = damaged(lines, &random).joined(separator: "\n")
        let loader = ConfigurationLoader(
          files: reader(of: ["/c.yaml": text]), environment: environment, currentFolder: "/")
        do {
          let configuration = try loader.load("/c.yaml")
          _ = configuration.value(hidesSecrets: true).yaml
          _ = configuration.repositories.map(configuration.options)
          let anew = try loader.template(from: "/c.yaml").text
          let second = ConfigurationLoader(
            files: reader(of: ["/c.yaml": anew]), environment: environment, currentFolder: "/")
          #expect(throws: Never.self, "\(name):\n\(text)\n---\n\(anew)") { try second.load("/c.yaml") }
        } catch let error as ConfigurationError {
          #expect(error.problems.allSatisfy { $0.mark.line > 0 }, "\(error)")
        }
      }
    }
  }

  @Test("Whatever is written as a flag is an option or none, and a value fits or does not")
  func flags() throws {
    var random = Generator(state: 1)
    let parts = [
      "--", "no-", "repositories", "[0]", "[", "]", ".", "path", "-", "checks", "keep-daily", "[99]", "commands", "run",
    ]
    let values = ["", "[", "{}", "[[a]]", "7", "a: b", "\u{0}", "{a", "- - -", "&a", "*a"]
    for _ in 0..<20_000 {
      let flag = (0..<Int.random(in: 1...6, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
        .joined()
      guard let option = OptionFlag(flag), let change = try? option.change(to: values.randomElement(using: &random))
      else {
        continue
      }
      let loader = ConfigurationLoader(
        files: reader(of: ["/c.yaml": minimal]), environment: ProcessEnvironment([:]), currentFolder: "/")
      do {
        _ = try loader.load("/c.yaml", as: ConfigurationReading(changes: [change]))
      } catch is ConfigurationError {
        continue
      }
    }
  }
}
