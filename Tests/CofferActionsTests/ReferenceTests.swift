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
    #expect(try page("options.md") == OptionReference.markdown(.standard))
  }

  @Test("Commands: made anew by 'coffer config generate --command-reference > Documentation/reference/commands.md'")
  func commands() throws {
    #expect(try page("commands.md") == CommandReference.markdown(actions: CommandTable.actions))
  }

  @Test(
    "borgmatic's options: made anew by 'coffer config generate --borgmatic-reference > Documentation/reference/borgmatic-options.md'"
  )
  func borgmaticOptions() throws {
    #expect(try page("borgmatic-options.md") == BorgmaticReference.markdown(.standard))
  }
}
