import Foundation
import Testing

@testable import CofferSystem

@Suite("Child processes")
struct ChildProcessTests {
  private let launcher = SystemProcessLauncher()
  private let environment = ProcessEnvironment(["PATH": "/usr/bin:/bin", "GREETING": "hello"])

  private func shell(_ script: String) -> ChildCommand {
    ChildCommand("sh", ["-c", script], environment: environment)
  }

  @Test("Output, exit status, the environment given and nothing else reach the other side")
  func run() throws {
    let result = try launcher.run(shell("echo $GREETING; env | grep -c =; cat; exit 3"), input: Array("in".utf8))
    #expect(result.status == .exited(3))
    #expect(result.text.hasPrefix("hello\n"))
    #expect(result.text.hasSuffix("in"))
    #expect(!result.text.contains("HOME"))
  }

  @Test("The last lines of standard error are kept, however many there are")
  func errorTail() throws {
    let result = try launcher.run(shell("for i in $(seq 20000); do echo line $i >&2; done"))
    #expect(result.errorLines.count == 25)
    #expect(result.errorLines.last == "line 20000")
  }

  @Test("A child inherits none of this program's descriptors")
  func descriptors() throws {
    let result = try launcher.run(ChildCommand("ls", ["/proc/self/fd"], environment: environment))
    #expect(result.text.split(separator: "\n").count <= 4)
  }

  @Test("A program that is missing is named with the package that has it")
  func missing() {
    let error = #expect(throws: LaunchError.self) {
      try launcher.launch(
        ChildCommand("pg_dump", environment: ProcessEnvironment(["PATH": "/nowhere"])))
    }
    #expect(error == .notFound(program: "pg_dump"))
    #expect(error?.diagnosis.suggestion?.contains("postgresql-client") == true)
  }

  @Test("Ending a child ends everything it started")
  func groups() throws {
    let child = try launcher.launch(shell("sleep 1000 & sleep 1000 & wait"))
    let members = {
      let group = "\(child.identifier)"
      let result = try launcher.run(
        ChildCommand("ps", ["-e", "-o", "pgid=,stat="], environment: environment))
      return result.text.split(separator: "\n").filter {
        let fields = $0.split(separator: " ")
        return fields.first.map(String.init) == group && fields.last?.hasPrefix("Z") == false
      }.count
    }
    usleep(200_000)
    #expect(try members() == 3)
    child.terminate()
    usleep(100_000)
    #expect(try members() == 0)
  }

  @Test("A child that ignores the request to end is killed")
  func stubborn() throws {
    let child = try launcher.launch(shell("trap '' TERM; while true; do sleep 0.1; done"))
    usleep(100_000)
    child.terminate()
    #expect(child.wait() == .signalled(SIGKILL))
  }

  @Test("Waiting ends with the time, and with the run")
  func waiting() throws {
    let child = try launcher.launch(shell("sleep 1000"))
    #expect(child.wait(seconds: 0.1) == nil)
    let cancellation = try Cancellation()
    cancellation.cancel()
    #expect(child.wait(cancellation: cancellation) == nil)
    child.terminate()
    #expect(child.wait() == .signalled(SIGTERM))
  }

  @Test("A command that does not answer is given up")
  func timeOut() {
    #expect(throws: CommandTimedOut(program: "sh", seconds: 0.2)) { try launcher.run(shell("sleep 100"), seconds: 0.2) }
  }

  @Test("Commands are split into words as a shell does")
  func words() throws {
    #expect(try ShellWords.split("docker exec 'my db' pg_dump") == ["docker", "exec", "my db", "pg_dump"])
    #expect(try ShellWords.split(#"a "b \" $c" d\ e ''"#) == ["a", #"b " $c"#, "d e", ""])
    #expect(try ShellWords.split("  ") == [])
    for text in ["'a", "\"a", "a\\"] { #expect(throws: ShellWords.Unfinished.self) { try ShellWords.split(text) } }
  }
}
