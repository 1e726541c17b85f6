import CofferConfiguration
import Foundation
import Testing

@testable import CofferActions

@Suite("The reference pages are up to date")
struct ReferenceTests {
  private func page(_ name: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: "Documentation/reference/\(name)"), encoding: .utf8)
  }

  @Test("Options: made anew by 'coffer config generate --reference > Documentation/reference/options.md'")
  func options() throws {
    #expect(try page("options.md") == OptionReference.markdown)
  }

  @Test("Commands: every action and every flag of it is there")
  func commands() throws {
    let text = try page("commands.md")
    for action in CommandTable.actions {
      let parts = text.components(separatedBy: "\n## \(action.name)\n")
      try #require(parts.count == 2, "\(action.name)")
      let section = parts[1].components(separatedBy: "\n## ")[0]
      for flag in action.flags { #expect(section.contains(flag.name), "\(action.name) \(flag.name)") }
    }
  }
}
