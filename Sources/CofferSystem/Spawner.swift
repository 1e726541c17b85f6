import CSystem
import Foundation

/// One `posix_spawn`, with the descriptors it needs.
struct Spawner {
  private let command: ChildCommand
  private let path: String
  private let hasProcessDescriptors: Bool

  init(_ command: ChildCommand, path: String, hasProcessDescriptors: Bool) {
    self.command = command
    self.path = path
    self.hasProcessDescriptors = hasProcessDescriptors
  }

  func spawn() throws -> ChildProcess {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let folder = command.workingDirectory { posix_spawn_file_actions_addchdir_np(&actions, folder) }

    var input: FileDescriptor?
    var output: FileDescriptor?
    var childInput: FileDescriptor?
    var childOutput: FileDescriptor?
    switch command.input {
    case .null, .tail: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    case .path(let path): posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
    case .pipe:
      let (readEnd, writeEnd) = try makePipe()
      posix_spawn_file_actions_adddup2(&actions, readEnd, 0)
      childInput = FileDescriptor(owning: readEnd)
      input = FileDescriptor(owning: writeEnd)
    }
    switch command.output {
    case .null, .tail: posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    case .path(let path): posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY, 0)
    case .pipe:
      let (readEnd, writeEnd) = try makePipe()
      posix_spawn_file_actions_adddup2(&actions, writeEnd, 1)
      childOutput = FileDescriptor(owning: writeEnd)
      output = FileDescriptor(owning: readEnd)
    }
    let (errorRead, errorWrite) = try makePipe()
    posix_spawn_file_actions_adddup2(&actions, errorWrite, 2)
    let childError = FileDescriptor(owning: errorWrite)
    let ownError = FileDescriptor(owning: errorRead)
    let copies = try addInherited(&actions)
    defer { for copy in copies { close(copy) } }
    // What libraries opened without close-on-exec, or our own starter left open, must not reach a child either.
    posix_spawn_file_actions_addclosefrom_np(&actions, (command.inherited.keys.max() ?? 2) + 1)

    let identifier = try start(&actions)
    _ = consume childInput
    _ = consume childOutput
    _ = consume childError
    let endDescriptor: Int32
    do {
      endDescriptor = try openEnd(of: identifier)
    } catch {
      kill(-identifier, SIGKILL)
      while waitpid(identifier, nil, 0) < 0 && errno == EINTR {}
      throw error
    }
    return ChildProcess(
      identifier: identifier, program: command.executable, endDescriptor: endDescriptor, input: input,
      output: output, errorTail: ErrorTail(reading: ownError, until: endDescriptor),
      leavesBackground: command.leavesBackground)
  }

  /// Numbers above all that children ask for, so that no copy overwrites another before it is used.
  private static let copiesFrom: Int32 = 200

  private func addInherited(_ actions: inout posix_spawn_file_actions_t) throws -> [Int32] {
    var copies: [Int32] = []
    for (number, own) in command.inherited {
      let copy = fcntl(own, F_DUPFD_CLOEXEC, Self.copiesFrom)
      guard (3..<Self.copiesFrom).contains(number), copy >= 0 else {
        let cause = SystemError(call: "fcntl", subject: command.executable, code: copy >= 0 ? EINVAL : errno)
        for copy in copies { close(copy) }
        throw LaunchError.failed(program: command.executable, cause: cause)
      }
      copies.append(copy)
      posix_spawn_file_actions_adddup2(&actions, copy, number)
    }
    return copies
  }

  /// A descriptor that becomes readable when the child ends.
  private func openEnd(of identifier: pid_t) throws -> Int32 {
    let descriptor = hasProcessDescriptors ? pidfd_open(identifier, 0) : -1
    if descriptor >= 0 { return descriptor }
    // Old kernels lack the call, and some sandboxes refuse it: a thread waits, and closes a pipe when it has waited.
    let (readEnd, writeEnd) = try makePipe()
    _ = WorkerThread(name: "child-end") {
      var facts = siginfo_t()
      while waitid(P_PID, id_t(identifier), &facts, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
      close(writeEnd)
    }
    return readEnd
  }

  private func start(_ actions: inout posix_spawn_file_actions_t) throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var allSignals = sigset_t()
    var noSignals = sigset_t()
    sigfillset(&allSignals)
    sigemptyset(&noSignals)
    posix_spawnattr_setsigdefault(&attributes, &allSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

    var arguments: [UnsafeMutablePointer<CChar>?] = ([command.executable] + command.arguments).map { strdup($0) }
    var variables: [UnsafeMutablePointer<CChar>?] = command.environment.variables.map {
      strdup("\($0.key)=\($0.value)")
    }
    defer { for pointer in arguments + variables { free(pointer) } }
    arguments.append(nil)
    variables.append(nil)
    var identifier: pid_t = 0
    let code = posix_spawn(&identifier, path, &actions, &attributes, arguments, variables)
    guard code == 0 else {
      throw LaunchError.failed(
        program: command.executable,
        cause: SystemError(call: "posix_spawn", subject: command.executable, code: code))
    }
    return identifier
  }

  private func makePipe() throws -> (readEnd: Int32, writeEnd: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe2(&ends, O_CLOEXEC) == 0 else {
      throw LaunchError.failed(
        program: command.executable, cause: SystemError(call: "pipe2", subject: command.executable))
    }
    return (ends[0], ends[1])
  }
}
