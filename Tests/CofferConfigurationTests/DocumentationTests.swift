import CofferActions
import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Examples in the documentation")
struct DocumentationTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The pages that show how something is written.
  private static let pages: [String] = {
    let folder = root.appending(path: "Documentation/how-to").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return ["README.md"] + names.filter { $0.hasSuffix(".md") }.map { "Documentation/how-to/\($0)" }
  }()

  /// The text of every YAML example of a page.
  private static func examples(_ page: String) throws -> [String] {
    let text = try String(contentsOf: root.appending(path: page), encoding: .utf8)
    return text.components(separatedBy: "```yaml\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
  }

  /// Parts of an entry, files that include others, and files of other programs cannot be tried.
  private static func standsAlone(_ example: String) -> Bool {
    let lines = example.split(separator: "\n").filter { !$0.hasPrefix("#") }
    guard !example.contains("!include"), let first = lines.first else { return false }
    return OptionCatalogue.standard.top[String(first.prefix { $0 != ":" })] != nil
  }

  @Test("Every configuration that is shown can be used", arguments: pages)
  func valid(page: String) throws {
    for example in try Self.examples(page) where Self.standsAlone(example) {
      let text = example.contains("repositories:") ? example : minimal + example
      do {
        let reading = ConfigurationReading(variables: .replacedIfSet)
        let loader = ConfigurationLoader(
          files: reader(of: ["/c.yaml": text]), environment: ProcessEnvironment([:]), currentFolder: "/")
        let notices = try loader.load("/c.yaml", as: reading).notices
        #expect(notices == ConfigurationNotices(), "\(page):\n\(example)")
      } catch {
        Issue.record("\(page): \(error)\n\(example)")
      }
    }
  }
}
