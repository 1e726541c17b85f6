import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferMonitoring

/// A bell that writes into a file. It is everything that a new service needs.
private struct Bell: MonitoringService {
  enum Sound: String, OptionChoice {
    case ding, dong
  }

  static let path = OptionKey<String>("path", "The file that it writes.", isRequired: true)
  static let sound = OptionKey<Sound>("sound", "What it writes.", default: .ding)
  static let key = OptionKey<String?>("key", "Its secret.", isSecret: true)
  static let told = MonitoringOptions.states(default: [.start, .finish, .fail])
  static let option = OptionKey<ConfigurationSection>(
    "bell", "Ring a bell.", schema: OptionSchema("Bell", [path.option, sound.option, key.option, told.option]))

  let states: [MonitoringState]
  private let file: String
  private let text: String

  init(_ settings: MonitoringSettings) throws {
    file = try settings.required(Self.path)
    guard file.begins(with: "/") else {
      throw MonitoringError.malformed(option: settings.name(of: Self.path), suggestion: "Write a whole path")
    }
    text = "\(settings[Self.sound].rawValue) \(try settings.secret(Self.key) ?? "-")"
    states = settings[Self.told]
  }

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    guard let handle = FileHandle(forWritingAtPath: file) else {
      throw SystemError(call: "open", subject: file, code: ENOENT)
    }
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("\(text) \(event.state.rawValue)\n".utf8))
  }
}

@Suite("A monitoring service is a file and a line")
struct AddedServiceTests {
  private let ground: ProgramGround

  init() throws {
    ground = try ProgramGround("bell")
    try ground.write("source", "content")
    try ground.write("secret", "s3cret\n")
  }

  private func configure(_ bell: String) throws {
    try ground.configure("source_directories: [\(ground.folder)/source]\nbell: {\(bell)}\n")
  }

  private func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { surroundings, cancellation, output in
      Program(
        surroundings: surroundings, cancellation: cancellation,
        services: MonitoringRegistry(MonitoringRegistry.standard.services + [Bell.self]), output: output)
    }
  }

  @Test("It is told how runs go, with its options and its secrets")
  func delivery() throws {
    defer { ground.remove() }
    try ground.write("rung", "")
    try configure("path: \(ground.folder)/rung, sound: dong, key: '{credential file \(ground.folder)/secret}'")
    #expect(try coffer("config", "validate").code == 0)
    #expect(try coffer("create").code == 1, "there is no repository yet")
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").code == 0)
    #expect(try coffer("repo-list").code == 0)
    #expect(try ground.read("rung") == ["start", "fail", "start", "finish"].map { "dong s3cret \($0)\n" }.joined())
    try configure("path: \(ground.folder)/none")
    let warned = try coffer("create")
    #expect(warned.code == 0)
    #expect(warned.said.contains("warning: bell: "))
  }

  @Test("Its options are validated, kept secret, and stand in help, template and reference")
  func options() throws {
    defer { ground.remove() }
    try configure("path: relative")
    #expect(try coffer("config", "validate").said.contains("bell.path: The option's value cannot be understood"))
    try configure("path: /x, sound: dogn")
    #expect(try coffer("config", "validate").said.contains("Did you mean 'dong'?"))
    try configure("path: /x, key: hunter2")
    let shown = try coffer("config", "show").said
    #expect(shown.contains("bell:") && !shown.contains("hunter2"))
    for action in ["create", "check", "prune"] {
      #expect(try coffer(action, "--help").said.contains(/\n  bell +Ring a bell\./), "\(action)")
    }
    #expect(try !coffer("repo-list", "--help").said.contains("Ring a bell"))
    let reference = try coffer("config", "generate", "--reference").said
    #expect(reference.contains("| `sound` | text | `ding` | What it writes. One of"))
    #expect(try coffer("config", "generate", "--destination", "\(ground.folder)/t.yaml").code == 0)
    #expect(try ground.read("t.yaml").contains("# Ring a bell.\n#bell:\n"))
  }
}
