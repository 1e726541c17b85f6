import Foundation
import Testing

@testable import CofferSystem

@Suite("The environment")
struct EnvironmentTests {
  private let names = ["caf\u{e9}", "cafe\u{301}"]

  @Test("Two names that look alike are two variables, for Coffer and for what it starts")
  func lookingAlike() throws {
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    for name in names { environment.variables[name] = name }
    environment.variables.merge([names[0]: "new"]) { old, new in old + new }
    #expect(environment[names[0]] == names[0] + "new")
    #expect(environment[names[1]]?.isSame(as: names[1]) == true)
    let text = try SystemProcessLauncher().run(ChildCommand("env", ["-0"], environment: environment)).text
    let found = Set(text.parts(by: "\0", keepingEmpty: false).map { ExactName($0) })
    #expect(
      found == [
        ExactName("PATH=/usr/bin:/bin"), ExactName("\(names[0])=\(names[0])new"), ExactName("\(names[1])=\(names[1])"),
      ])
    #expect(environment.variables.filter { $0.key.isSame(as: names[1]) }.map(\.value) == [names[1]])
  }

  @Test("This process's own has everything that C's functions find")
  func current() {
    for (name, value) in ProcessEnvironment.current().variables {
      #expect(getenv(name).map { String(cString: $0) } == value)
    }
    #expect(ProcessEnvironment.current()["PATH"] != nil)
  }
}
