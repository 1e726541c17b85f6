import CSpawn
import CSystem
import Glibc
import Synchronization

/// A process of this program that has started already, and of which others branch off: to start the program anew takes longer
/// than what many of them have to do.
///
/// It never does anything else, and meets nothing that is not its own: what one of its branches meets, a database that breaks a
/// library for example, no other one sees. Branches are children of the process that ordered them, as all others are.
final class Nursery: Sendable {
  /// What a branch is to be.
  struct Order {
    let arguments: [String]
    /// The descriptors that are the branch's 0, 1, 2 and so on.
    let descriptors: [Int32]
  }

  private let process: ChildProcess
  private let line: Mutex<FileDescriptor?>

  /// The descriptor at which a nursery is told what is to branch off.
  fileprivate static let descriptor: Int32 = 3
  fileprivate static let word = "--nursery"
  /// Bytes of the arguments of a branch.
  fileprivate static let limit = 64 << 10
  /// Seconds for an answer.
  private static let patience = 20

  /// - Parameters:
  ///   - command: The program, with the environment that its branches are to have.
  /// - Throws: `LaunchError`; `SystemError`.
  init(_ command: ChildCommand, launch: (ChildCommand) throws -> ChildProcess) throws {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw SystemError(call: "socketpair", subject: command.executable)
    }
    let ours = FileDescriptor(owning: ends[0])
    let theirs = FileDescriptor(owning: ends[1])
    var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
    setsockopt(ours.number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var own = ChildCommand(command.executable, [Self.word], environment: command.environment)
    own.inherited = [Self.descriptor: theirs.number]
    process = try launch(own)
    _ = consume theirs
    line = Mutex(ours)
  }

  /// Whether a command can be a branch.
  static func takes(_ command: ChildCommand) -> Bool {
    command.branchesOff && command.workingDirectory == nil && command.endsWithStarter
      && command.inherited.keys.allSatisfy { $0 == 3 }
      && command.arguments.reduce(0) { $0 + $1.utf8.count + 1 } < limit
  }

  /// Has a process branch off, the leader of a group of its own.
  ///
  /// - Returns: Its number, for the caller to wait for; nil where the nursery does not answer, and never will again.
  func branch(_ order: Order) -> pid_t? {
    line.withLock { line in
      guard let number = line?.number else { return nil }
      let words: [UInt8] = order.arguments.flatMap { $0.utf8 + [0] }
      let branch = Self.nextBranch(number)
      guard let branch,
        coffer_send_order(number, words, words.count, order.descriptors, Int32(order.descriptors.count)) == 0
      else {
        // Nothing may go off later that nobody waits for.
        process.terminate()
        if let branch { Self.wait(for: branch) }
        Self.end(&line)
        return nil
      }
      // As the branch itself does: whoever comes first.
      setpgid(branch, branch)
      return branch
    }
  }

  deinit {
    line.withLock { Self.end(&$0) }
  }

  /// Has the nursery end, and the branch that waits for an order.
  private static func end(_ line: inout FileDescriptor?) {
    guard let number = line?.number else { return }
    shutdown(number, Int32(SHUT_WR))
    while let branch = nextBranch(number) { wait(for: branch) }
    line = nil
  }

  private static func wait(for branch: pid_t) {
    while waitpid(branch, nil, 0) < 0 && errno == EINTR {}
  }

  /// The number of the branch that waits for the next order; nil where there is none any more.
  private static func nextBranch(_ number: Int32) -> pid_t? {
    var branch: pid_t = -1
    while true {
      let length = recv(number, &branch, MemoryLayout<pid_t>.size, 0)
      if length < 0 && errno == EINTR { continue }
      return length == MemoryLayout<pid_t>.size ? branch : nil
    }
  }
}

/// What a process does that is a nursery.
public enum NurseryProcess {
  /// - Returns: Whether that is what the program was started for.
  public static func isWanted(by arguments: [String]) -> Bool { arguments == [Nursery.word] }

  /// Has branches go off until nobody orders any more. The next one waits for its order before there is one, so that nobody waits for
  /// it to be made. Each of them ends at once when its work is done: memory and libraries are not torn down piece by piece.
  ///
  /// - Parameters:
  ///   - prepare: Does what a branch does, on something of its own: what is looked up and loaded then, no later branch has to.
  ///     The first does not wait for it.
  ///   - work: What a branch does with its arguments; returns its exit code.
  public static func run(preparing prepare: () -> Void, _ work: ([String]) -> Int32) -> Int32 {
    var isPrepared = false
    let parent = getppid()
    // Of the branch's copy only what is written is one.
    var bytes = [UInt8](repeating: 0, count: Nursery.limit)
    while true {
      var ends: [Int32] = [-1, -1]
      // Whoever waits for one is told by the line's end that none comes.
      guard pipe2(&ends, O_CLOEXEC) == 0 else { return 1 }
      var branch = coffer_branch_off()
      guard branch >= 0 else { return 1 }
      if branch == 0 {
        close(ends[0])
        _exit(goOff(from: parent, &bytes, telling: ends[1], work))
      }
      close(ends[1])
      // Nobody may be left who would wait for it; it ends by itself then.
      _ = send(Nursery.descriptor, &branch, MemoryLayout<pid_t>.size, Int32(MSG_NOSIGNAL))
      let hasGone = read(ends[0])
      close(ends[0])
      guard hasGone else { return 0 }
      if !isPrepared { prepare() }
      isPrepared = true
    }
  }

  /// Waits until a branch has got its order.
  ///
  /// - Returns: false for one that has ended without any, as it does when nobody orders any more.
  private static func read(_ number: Int32) -> Bool {
    var byte: UInt8 = 0
    return withUnsafeMutableBytes(of: &byte) {
      (try? FileDescriptor.read(into: $0, from: number, subject: Nursery.word)) == 1
    }
  }

  /// What a branch does: waits for its order, says that it has it, and carries it out.
  ///
  /// - Returns: Its exit code.
  private static func goOff(
    from parent: pid_t, _ bytes: inout [UInt8], telling nursery: Int32, _ work: ([String]) -> Int32
  ) -> Int32 {
    var descriptors = [Int32](repeating: -1, count: Int(COFFER_ORDER_DESCRIPTORS))
    var count: Int32 = 0
    let length = coffer_receive_order(Nursery.descriptor, &bytes, bytes.count, &descriptors, &count, true)
    guard length > 0 else { return length == 0 ? 0 : 1 }
    _ = write(nursery, [1], 1)
    guard coffer_settle(parent, descriptors, count) == 0 else { return 127 }
    return work(words(in: bytes[..<length]))
  }

  private static func words(in bytes: ArraySlice<UInt8>) -> [String] {
    bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { String(decoding: $0, as: UTF8.self) }
  }
}

/// The nurseries of one launcher, each made when a command of its kind is first started.
final class Nurseries: Sendable {
  private struct Kind: Hashable {
    let path: ExactName
    let variables: [ExactName]
  }

  private let nurseries = Monitor<[Kind: Nursery?]>([:])

  /// - Parameter launch: Starts a nursery as any other child.
  /// - Returns: nil where none can be had: the program is then started anew.
  func nursery(for command: ChildCommand, launch: (ChildCommand) throws -> ChildProcess) -> Nursery? {
    let variables = command.environment.variables.map { ExactName("\($0.key)=\($0.value)") }.sorted()
    let kind = Kind(path: ExactName(command.executable), variables: variables)
    return nurseries.update { nurseries in
      if let known = nurseries[kind] { return known }
      let made = try? Nursery(command, launch: launch)
      nurseries[kind] = .some(made)
      return made
    }
  }
}
