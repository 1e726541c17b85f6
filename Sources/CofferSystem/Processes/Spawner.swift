import CSpawn
import CSystem
import Glibc

/// The start of one child, with the descriptors it needs.
struct Spawner {
  private let command: ChildCommand
  private let path: String
  private let starter: Starter
  private let nursery: Nursery?
  private let hasProcessDescriptors: Bool

  /// - Parameter nursery: What the child may branch off, if it can.
  init(
    _ command: ChildCommand, path: String, starter: Starter, nursery: Nursery? = nil, hasProcessDescriptors: Bool
  ) {
    self.command = command
    self.path = path
    self.starter = starter
    self.nursery = nursery
    self.hasProcessDescriptors = hasProcessDescriptors
  }

  func spawn() throws -> ChildProcess {
    // A C string would end there, and the child would see another argument than was meant.
    guard !texts.contains(where: { $0.utf8.contains(0) }) else {
      throw LaunchError.failed(
        program: command.executable, cause: SystemError(call: "execve", subject: command.executable, code: EINVAL))
    }
    var streams = ChildStreams()
    var input: FileDescriptor?
    var output: FileDescriptor?
    var childInput: FileDescriptor?
    var childOutput: FileDescriptor?
    switch command.input {
    case .null, .tail: streams.inputPath = "/dev/null"
    case .path(let path): streams.inputPath = path
    case .pipe:
      let (readEnd, writeEnd) = try makePipe()
      streams.input = readEnd
      childInput = FileDescriptor(owning: readEnd)
      input = FileDescriptor(owning: writeEnd)
    }
    switch command.output {
    case .null, .tail: streams.outputPath = "/dev/null"
    case .path(let path): streams.outputPath = path
    case .pipe:
      let (readEnd, writeEnd) = try makePipe()
      streams.output = writeEnd
      childOutput = FileDescriptor(owning: writeEnd)
      output = FileDescriptor(owning: readEnd)
    }
    let (errorRead, errorWrite) = try makePipe()
    streams.error = errorWrite
    let childError = FileDescriptor(owning: errorWrite)
    let ownError = FileDescriptor(owning: errorRead)
    streams.inherited = try copiesOfInherited()
    defer { for copy in streams.inherited { close(copy.ours) } }

    let branch = try branch(streams)
    let identifier = try branch ?? start(streams)
    _ = consume childInput
    _ = consume childOutput
    _ = consume childError
    var endDescriptor: Int32 = -1
    let errorTail: ErrorTail
    do {
      endDescriptor = try openEnd(of: identifier)
      errorTail = try ErrorTail(reading: ownError, until: endDescriptor, keeping: command.errorLimit)
    } catch {
      kill(-identifier, SIGKILL)
      while waitpid(identifier, nil, 0) < 0 && errno == EINTR {}
      if endDescriptor >= 0 { close(endDescriptor) }
      throw error
    }
    // A branch starts nothing, and is told by the kernel.
    let isWatched = branch == nil && command.endsWithStarter
    return ChildProcess(
      identifier: identifier, program: command.executable, endDescriptor: endDescriptor, input: input,
      output: output, errorTail: errorTail, leavesBackground: command.leavesBackground,
      watch: isWatched ? starter.groupWatch() : nil, starter: starter)
  }

  private var texts: [String] {
    [path, command.executable] + command.arguments + command.environment.variables.flatMap { [$0.key, $0.value] }
  }

  /// Where a child's descriptors come from.
  private struct ChildStreams: Sendable {
    var inputPath: String?
    var outputPath: String?
    var input: Int32 = -1
    var output: Int32 = -1
    var error: Int32 = -1
    var inherited: [(theirs: Int32, ours: Int32)] = []
  }

  /// Copies with numbers above all that the child asks for, so that none overwrites another before it is used.
  private func copiesOfInherited() throws -> [(theirs: Int32, ours: Int32)] {
    var copies: [(theirs: Int32, ours: Int32)] = []
    for (number, own) in command.inherited {
      let copy = number < 3 ? -1 : fcntl(own, F_DUPFD_CLOEXEC, firstUnused)
      guard copy >= 0 else {
        // The system calls a number that the limit does not allow an invalid argument.
        let code = number < 3 ? EINVAL : errno == EINVAL ? EMFILE : errno
        for copy in copies { close(copy.ours) }
        throw LaunchError.failed(
          program: command.executable, cause: SystemError(call: "fcntl", subject: command.executable, code: code))
      }
      copies.append((number, copy))
    }
    return copies
  }

  private var firstUnused: Int32 { (command.inherited.keys.max() ?? 2) + 1 }

  /// A descriptor that becomes readable when the child ends.
  private func openEnd(of identifier: pid_t) throws -> Int32 {
    let descriptor = hasProcessDescriptors ? pidfd_open(identifier, 0) : -1
    if descriptor >= 0 { return descriptor }
    // Old kernels lack the call, and some sandboxes refuse it: a thread waits, and closes a pipe when it has waited.
    let (readEnd, writeEnd) = try makePipe()
    do {
      _ = try WorkerThread(name: "child-end") {
        var facts = siginfo_t()
        while waitid(P_PID, id_t(identifier), &facts, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
        close(writeEnd)
      }
    } catch {
      close(readEnd)
      close(writeEnd)
      throw error
    }
    return readEnd
  }

  /// - Returns: nil where the child has to be started anew.
  private func branch(_ streams: ChildStreams) throws -> pid_t? {
    guard let nursery else { return nil }
    var opened: [Int32] = []
    defer { for descriptor in opened { close(descriptor) } }
    func open(_ path: String, _ flags: Int32) throws -> Int32 {
      do {
        let descriptor = try FileDescriptor(opening: path, flags: flags).release()
        opened.append(descriptor)
        return descriptor
      } catch {
        throw LaunchError.failed(program: command.executable, cause: error)
      }
    }
    let input = try streams.inputPath.map { try open($0, O_RDONLY) } ?? streams.input
    // Of a FIFO that nobody reads any more, the error is as where a child opens it.
    let output = try streams.outputPath.map { try open($0, O_WRONLY | O_NONBLOCK) } ?? streams.output
    if streams.outputPath != nil { _ = fcntl(output, F_SETFL, 0) }
    return nursery.branch(
      Nursery.Order(
        arguments: command.arguments, descriptors: [input, output, streams.error] + streams.inherited.map(\.ours)))
  }

  private func start(_ streams: ChildStreams) throws -> pid_t {
    let (command, path, closeFrom) = (command, path, firstUnused)
    let result = try starter.run { () -> Result<pid_t, SystemError> in
      CStrings.with([path, command.workingDirectory, streams.inputPath, streams.outputPath]) { texts in
        CStrings.with([command.file ?? command.executable] + command.arguments) { arguments in
          CStrings.with(command.environment.variables.map { "\($0.key)=\($0.value)" }) { variables in
            streams.inherited.map(\.ours).withUnsafeBufferPointer { ours in
              streams.inherited.map(\.theirs).withUnsafeBufferPointer { theirs in
                var child = coffer_child(
                  path: texts[0], arguments: arguments.baseAddress, environment: variables.baseAddress,
                  folder: texts[1], input_path: texts[2], output_path: texts[3], input: streams.input,
                  output: streams.output, error: streams.error, count: Int32(ours.count), ours: ours.baseAddress,
                  theirs: theirs.baseAddress, close_from: closeFrom, ends_with_starter: command.endsWithStarter)
                var identifier: pid_t = 0
                var call: UnsafePointer<CChar>?
                let code = coffer_start(&child, &identifier, &call)
                guard code != 0 else { return .success(identifier) }
                let name = call.map { String(cString: $0) } ?? "vfork"
                let isOfFolder = name.isSame(as: LaunchError.enteringFolder)
                let subject = isOfFolder ? command.workingDirectory ?? command.executable : command.executable
                return .failure(SystemError(call: name, subject: subject, code: code))
              }
            }
          }
        }
      }
    }
    do {
      return try result.get()
    } catch {
      throw LaunchError.failed(program: command.executable, cause: error)
    }
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

/// Texts as C's functions take them.
enum CStrings {
  /// Calls `body` with pointers to the texts, and nil after the last.
  static func with<Result>(
    _ texts: [String?], _ body: (UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = texts.map { text -> UnsafeMutablePointer<CChar>? in
      guard let text else { return nil }
      guard let copy = strdup(text) else { preconditionFailure("no memory for an argument") }
      return copy
    }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0) }
  }
}
