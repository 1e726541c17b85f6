import CSystem
import Foundation

/// One `posix_spawn`, with the descriptors it needs.
struct Spawner {
  private let command: ChildCommand
  private let path: String

  init(_ command: ChildCommand, path: String) {
    self.command = command
    self.path = path
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
    // What libraries opened without close-on-exec must not reach a child either.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)

    let identifier = try start(&actions)
    _ = consume childInput
    _ = consume childOutput
    _ = consume childError
    let endDescriptor = pidfd_open(identifier, 0)
    guard endDescriptor >= 0 else {
      kill(-identifier, SIGKILL)
      throw LaunchError.failed(
        program: command.executable, cause: SystemError(call: "pidfd_open", subject: command.executable))
    }
    return ChildProcess(
      identifier: identifier, program: command.executable, endDescriptor: endDescriptor, input: input,
      output: output, errorTail: ErrorTail(reading: ownError))
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
