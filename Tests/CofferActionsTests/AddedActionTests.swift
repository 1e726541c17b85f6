import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

/// An action that is declared here and nowhere else, with an option of its own.
private struct AddedAction {
  enum Tone: String, OptionChoice {
    case friendly, formal
  }

  static let tone = OptionKey<Tone>("greet_tone", "How it is said.", default: .friendly)
  static let schema = OptionSchema("Greeting", [tone.option])

  static let times = Flag<Int>("--times", value: "N", .count, default: 1, help: "How often.")
  static let names = Flag<[String]>("--name", value: "NAME", help: "Whom.")
  static let manner = Flag<Tone?>("--manner", value: "TONE", .choice, help: "How, whatever greet_tone says.")
  static let token = Flag<String?>("--token", value: "TOKEN", isSecret: true, help: "Who may.")
  static let loud = Flag<Bool>("--loud", "-L", help: "So that all hear it.")
  static let place = Flag<String>("--place", required: "PLACE", help: "Where.")

  struct Call: Equatable {
    var times: Int
    var names: [String]
    var tone: Tone
    var token: String?
    var isLoud: Bool
    var place: String
    var repositories: [String]
    var commandLine: [String]
  }

  let calls = Monitor<[Call]>([])

  var declaration: ActionDeclaration {
    ActionDeclaration(
      "greet", "-G", abstract: "Say hello.",
      flags: [Self.times, Self.names, Self.manner, Self.token, Self.loud, Self.place],
      examples: ["coffer greet --place here"], options: [Self.schema],
      run: { [calls] context in
        let flags = context.flags
        calls.update {
          $0.append(
            Call(
              times: flags[Self.times], names: flags[Self.names],
              tone: flags[Self.manner] ?? context.root[Self.tone], token: flags[Self.token],
              isLoud: flags[Self.loud], place: flags[Self.place], repositories: context.repositories.map(\.path),
              commandLine: context.run.commandLine))
        }
      })
  }

  var options: OptionCatalogue { OptionCatalogue(OptionCatalogue.standard.groups + [Self.schema]) }

  func problem(_ line: String) -> String {
    do {
      _ = try CommandLineParser(actions: [declaration], options: options).parse(
        line.parts(by: " ", keepingEmpty: false))
      return ""
    } catch {
      return error.description
    }
  }

  /// Runs the program with a configuration file.
  func run(_ arguments: [String], _ text: String) throws -> Int32 {
    let path = NSTemporaryDirectory() + "greet-" + UUID().uuidString + ".yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let program = Program(
      surroundings: .current(), cancellation: try Cancellation(), actions: [declaration], options: options)
    return program.execute(arguments + ["--config", path, "-v", "-1"])
  }
}

@Suite("An action is one declaration")
struct AddedActionTests {
  private let action = AddedAction()

  @Test("It is run with its flags and its options, typed, for each repository")
  func run() throws {
    let code = try action.run(
      ["greet", "--name", "a", "-L", "--token=secret", "--name", "b", "--place", "here", "--greet-tone", "formal"],
      "repositories: [{path: /r}, {path: /s}]\n")
    #expect(code == 0)
    let calls = action.calls.update { $0 }
    #expect(calls.map(\.repositories) == [["/r"], ["/s"]])
    let call = try #require(calls.first)
    #expect(call.times == 1)
    #expect(call.names == ["a", "b"])
    #expect(call.tone == .formal)
    #expect(call.token == "secret")
    #expect(call.isLoud)
    #expect(call.place == "here")
    #expect(call.commandLine.contains("--token=***") && !call.commandLine.contains { $0.holds("secret") })
  }

  @Test("Commands may be put around it, and a file's default counts where no flag says more")
  func commands() throws {
    let file =
      "repositories: [{path: /r}]\ngreet_tone: formal\ncommands:\n  - {before: action, when: [greet], run: [\"true\"]}\n"
    #expect(try action.run(["-G", "--place", "x", "--times", "3"], file) == 0)
    #expect(try action.run(["-G", "--place", "x", "--manner", "friendly"], file) == 0)
    let calls = action.calls.update { $0 }
    #expect(calls.map(\.tone) == [.formal, .friendly])
    #expect(calls.map(\.times) == [3, 1])
    #expect(calls.allSatisfy { !$0.isLoud && $0.names.isEmpty && $0.token == nil })
  }

  @Test("Mistakes name the flag, the value, what is expected, and the nearest")
  func mistakes() {
    #expect(action.problem("greet --place x --times none").contains("--times: 'none' is not a number, 1 or more"))
    #expect(
      action.problem("greet --place x --manner freindly").contains("--manner: 'freindly' is not friendly or formal"))
    #expect(action.problem("greet --place x --manner freindly").contains("Did you mean 'friendly'?"))
    #expect(action.problem("greet --place x --tims 3").contains("Did you mean '--times'?"))
    #expect(action.problem("greet").contains("The flag --place is missing"))
    #expect(action.problem("greet --place=").contains("The flag --place is missing"))
    #expect(action.problem("gret --place x").contains("Did you mean 'greet'?"))
    #expect(action.problem("greet --place x --place y").contains("given twice"))
    #expect(action.problem("greet --place x") == "")
  }

  @Test("Help and the reference of commands have it, with its flags, its options and their defaults")
  func help() {
    let text = HelpText.action(action.declaration, width: 100)
    for line in [
      "  --times N", "How often. Default: 1.", "  --loud, -L", "  --place PLACE",
      "options of the configuration, Greeting:",
      "  greet_tone  How it is said. One of friendly, formal. Default: friendly.", "  coffer greet --place here",
    ] {
      #expect(text.contains(line), "\(line)")
    }
    #expect(HelpText.program(actions: [action.declaration], width: 100).contains("  greet, -G"))
    let page = CommandReference.markdown(actions: [action.declaration])
    #expect(page.contains("## greet\n") && page.contains("greet_tone"))
  }

  @Test("The page of commands that the program makes is of the actions that it has")
  func reference() throws {
    let ground = try ProgramGround("greet")
    defer { ground.remove() }
    let said = try ground.coffer(["config", "generate", "--command-reference"]) { surroundings, cancellation, output in
      Program(
        surroundings: surroundings, cancellation: cancellation,
        actions: [action.declaration, ConfigGenerateAction.declaration], options: action.options, output: output)
    }
    #expect(said.code == 0)
    #expect(said.said.contains("## greet\n") && !said.said.contains("## create\n"))
  }
}
