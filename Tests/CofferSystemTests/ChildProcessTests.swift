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

  @Test("A child gets the descriptors that it is given, under the numbers it is given them, whatever ours are")
  func inherited() throws {
    let paths = ["first", "second"].map { "\(NSTemporaryDirectory())/coffer-inherited-\($0)-\(getpid())" }
    defer { for path in paths { unlink(path) } }
    for path in paths { try String(path.suffix(20)).write(toFile: path, atomically: false, encoding: .utf8) }
    let first = try FileDescriptor(opening: paths[0], flags: O_RDONLY)
    let second = try FileDescriptor(opening: paths[1], flags: O_RDONLY)
    // As a program that started this one may have left it.
    let left = FileDescriptor(owning: dup(first.number))
    try #require(left.number > 3)
    let last = left.number + 1
    var command = shell("cat /dev/fd/\(last); echo; cat /dev/fd/3; echo; ls /proc/self/fd | wc -l")
    // Crossed over, in case ours have these very numbers.
    command.inherited = [last: first.number, 3: second.number]
    let lines = try launcher.run(command).text.split(separator: "\n").map(String.init)
    #expect(lines == [String(paths[0].suffix(20)), String(paths[1].suffix(20)), "6"])
    command.inherited = [2: first.number]
    #expect(throws: LaunchError.self) { try launcher.run(command) }
  }

  @Test("A program that is missing is named with the package that has it")
  func missing() {
    let error = #expect(throws: LaunchError.self) {
      try launcher.launch(
        ChildCommand("pg_dump", environment: ProcessEnvironment(["PATH": "/nowhere"]))
          .installed(by: ["pg_dump": "apt-get install postgresql-client", "psql": "another"]))
    }
    #expect(error == .notFound(program: "pg_dump", installation: "apt-get install postgresql-client"))
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

  @Test("What a child leaves behind in another session does not hold up its end, even with our streams open")
  func leftBehind() throws {
    let start = Clock.system.steadySeconds()
    let child = try launcher.launch(shell("setsid sleep 8 & sleep 0.2; echo done >&2; exit 4"))
    #expect(child.wait() == .exited(4))
    #expect(child.lastErrorLines == ["done"])
    #expect(Clock.system.steadySeconds() - start < 2)
  }

  @Test("Children are waited for without process descriptors too")
  func withoutProcessDescriptors() throws {
    let launcher = SystemProcessLauncher(hasProcessDescriptors: false)
    #expect(try launcher.run(shell("echo a; echo b >&2; exit 5")).status == .exited(5))
    let child = try launcher.launch(shell("sleep 1000"))
    #expect(child.wait(seconds: 0.1) == nil)
    child.terminate()
    #expect(child.wait() == .signalled(SIGTERM))
  }

  @Test("A folder of a program's name is no program")
  func folder() throws {
    let folder = NSTemporaryDirectory() + "/coffer-path-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder + "/sqlite3", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: LaunchError.notFound(program: "sqlite3")) {
      try launcher.launch(ChildCommand("sqlite3", environment: ProcessEnvironment(["PATH": folder])))
    }
  }

  @Test("A command that does not answer is given up")
  func timeOut() {
    for script in ["sleep 100", "yes"] {
      #expect(throws: CommandTimedOut(program: "sh", seconds: 0.2)) { try launcher.run(shell(script), seconds: 0.2) }
    }
  }

  @Test("A child outlives the thread and the launcher that it was asked for through")
  func startersThread() throws {
    let started = Monitor<ChildProcess?>(nil)
    let environment = environment
    let thread = try WorkerThread(name: "passing") {
      let child = try? SystemProcessLauncher().launch(
        ChildCommand("sh", ["-c", "sleep 0.5; exit 7"], environment: environment))
      started.update { $0 = child }
    }
    thread.join()
    #expect(try #require(started.update { $0.take() }).wait() == .exited(7))
  }

  @Test("A child that cannot be started is told with the call that failed, and leaves nobody behind")
  func failedStart() throws {
    var command = shell("true")
    command.workingDirectory = "/nowhere"
    let cause = SystemError(call: "chdir", subject: "/nowhere", code: ENOENT)
    let error = #expect(throws: LaunchError.failed(program: "sh", cause: cause)) { try launcher.launch(command) }
    #expect(error?.diagnosis.subject == "/nowhere")
    #expect(error?.diagnosis.suggestion == "Correct working_directory, or make the folder")
    command = shell("true")
    command.output = .path("/nowhere/fifo")
    #expect(throws: LaunchError.failed(program: "sh", cause: SystemError(call: "open", subject: "sh", code: ENOENT))) {
      try launcher.launch(command)
    }
    #expect(waitpid(-1, nil, WNOHANG) <= 0)
  }

  @Test("A FIFO that nobody reads any more is an error, and not waited for")
  func unreadFIFO() throws {
    let path = NSTemporaryDirectory() + "/coffer-unread-\(getpid())"
    mkfifo(path, 0o600)
    defer { unlink(path) }
    var command = shell("echo a")
    command.output = .path(path)
    #expect(throws: LaunchError.failed(program: "sh", cause: SystemError(call: "open", subject: "sh", code: ENXIO))) {
      try launcher.launch(command)
    }
  }

  @Test("An argument with a zero byte, which would be cut there, is refused")
  func zeroByte() throws {
    let error = #expect(throws: LaunchError.self) {
      try launcher.launch(ChildCommand("echo", ["a\0b"], environment: environment))
    }
    #expect(error == .failed(program: "echo", cause: SystemError(call: "execve", subject: "echo", code: EINVAL)))
  }

  @Test("A limit of descriptors that is too low is called so")
  func shortage() {
    let error = LaunchError.failed(program: "psql", cause: SystemError(call: "fcntl", subject: "psql", code: EMFILE))
    #expect(error.diagnosis.problem.contains("Too many open files"))
    #expect(error.diagnosis.suggestion == "Raise the limit of open files (ulimit -n)")
  }

  @Test("Commands are split into words as a shell does")
  func words() throws {
    #expect(try ShellWords.split("docker exec 'my db' pg_dump") == ["docker", "exec", "my db", "pg_dump"])
    #expect(try ShellWords.split(#"a "b \" $c" d\ e ''"#) == ["a", #"b " $c"#, "d e", ""])
    #expect(try ShellWords.split("  ") == [])
    for text in ["'a", "\"a", "a\\"] { #expect(throws: ShellWords.Unfinished.self) { try ShellWords.split(text) } }
  }
}
