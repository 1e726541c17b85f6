import CofferSystem
import Testing

@testable import CofferActions

@Suite("Completing command lines")
struct CompletionTests {
  private func candidates(_ words: String...) -> [String] {
    Completion(actions: CommandTable.actions, options: .standard).candidates(for: words).map(\.text)
  }

  @Test("Actions where an action may stand, each group once, and not those that are named already")
  func actions() {
    #expect(candidates("rep") == ["repo-create", "repo-list", "repo-info"])
    #expect(candidates("").filter { $0 == "config" || $0 == "key" } == ["config", "key"])
    #expect(candidates("create", "cr") == [])
    #expect(candidates("create", "--json", "pr") == ["prune"])
    #expect(candidates("key", "re") == ["remove"])
    #expect(candidates("config", "").contains("validate"))
    #expect(candidates("nothing") == [])
  }

  @Test("Flags of the actions named, of the standard ones where none is, and options in their spelling as flags")
  func flags() {
    #expect(candidates("restore", "--target") == ["--target-name", "--target-directory"])
    #expect(candidates("list", "--target") == [])
    #expect(candidates("--thresh") == ["--threshold"])
    #expect(candidates("prune", "--keep-d") == ["--keep-daily"])
    #expect(candidates("--keep-d") == ["--keep-daily"])
    #expect(candidates("list", "--vers") == ["--version"])
    #expect(candidates("list", "--json", "--js") == ["--json-lines"])
    #expect(candidates("-c", "a", "--conf") == ["--config"])
  }

  @Test("Nothing where a value is due; behind it all goes on")
  func values() {
    #expect(candidates("--config", "") == [])
    #expect(candidates("--config", "cr") == [])
    #expect(candidates("--config", "create", "cr") == ["create"])
    #expect(candidates("--keep-daily", "7", "pru") == ["prune"])
    #expect(candidates("--keep-daily", "") == [])
    #expect(candidates("diff", "a") == [])
    #expect(candidates("diff", "create", "b", "--js") == ["--json"])
  }

  @Test("A line a candidate: its text, a tab, what it is")
  func lines() {
    let lines = Completion(actions: CommandTable.actions, options: .standard).lines(for: ["repo-i"])
    #expect(lines == "repo-info\tShow a repository's mode and sizes.\n")
    #expect(CompletionScript.words(of: ["--complete", "a", ""]) == ["a", ""])
    #expect(CompletionScript.words(of: ["create", "--complete"]) == nil)
  }

  @Test("The manual pages hold every action, flag and option, and no line of them is a request by accident")
  func manPages() {
    let page = ManPage(actions: CommandTable.actions, version: "1.2-3").text
    for action in CommandTable.actions {
      #expect(page.holds(".SS \"coffer \(action.name.swapping("-", for: "\\-"))"), "\(action.name)")
      for flag in action.flags { #expect(page.holds("\\fB\(flag.name.swapping("-", for: "\\-"))\\fR"), "\(flag.name)") }
    }
    #expect(page.holds("Coffer 1.2\\-3"))
    let files = ManPage(actions: CommandTable.actions, version: "1.2-3").files
    #expect(files[0].name == "coffer.1" && files[0].text == page && files.count == CommandTable.actions.count + 1)
    for (action, file) in zip(CommandTable.actions, files.dropFirst()) {
      let name = "coffer-\(action.name.swapping(" ", for: "-"))"
      #expect(file.name == "\(name).1")
      #expect(file.text.holds(".SH NAME\n\(name.swapping("-", for: "\\-")) \\- "), "\(file.text)")
      #expect(page.holds(".BR \(name.swapping("-", for: "\\-")) (1)"))
      let options = action.options.flatMap(\.options).filter { $0.summary != nil }.map(\.name)
      for name in action.flags.map(\.name) + options {
        #expect(file.text.holds(name.swapping("-", for: "\\-")), "\(file.name): \(name)")
      }
    }
    let requests = ["TH", "SH", "SS", "TP", "PP", "B", "I", "IR", "BR", "br", "nf", "fi", "RS", "RE"]
    for file in files {
      for line in file.text.lines() where line.begins(with: ".") {
        #expect(requests.contains(line.dropFirst().prefix { $0 != " " }.description), "\(file.name): \(line)")
      }
      #expect(!file.text.lines().contains { $0.begins(with: "'") })
    }
  }
}
