import CofferSystem
import Glibc

/// The bytes that a dump program writes into a FIFO, watched over: a program that dies, stalls or takes too long
/// ends the stream with an error that names the database.
///
/// The read end is opened before the program starts and no write end is held here, so neither a program that dies
/// before it opens the FIFO nor one that is done can leave a reader waiting. What is this program itself, and needs no name for
/// it, writes into a pipe.
final class DumpStream: ByteSource {
  private let identity: DumpIdentity
  private let child: ChildProcess
  /// nil for a pipe.
  private let fifo: String?
  private let descriptor: FileDescriptor
  private let reader: PolledReader
  private let limits: DumpLimits
  private let clock: Clock
  private let cancellation: Cancellation
  private let start: Double
  private var hasEnded = false
  private var hasName = true

  private(set) var byteCount: UInt64 = 0
  /// The first bytes of the stream, at most `sampleSize`.
  private(set) var head: [UInt8] = []
  /// The last bytes of the stream, at least `sampleSize` of them if there were so many.
  private(set) var tail: [UInt8] = []

  /// Sees the bytes as they go by; to be set before the first is read.
  var observer: ((UnsafeRawBufferPointer) -> Void)?

  /// Which of the program's last lines say why it failed; to be set before the first byte is read.
  var telling: ([String]) -> [String] = { $0 }

  private static let sampleSize = 4096
  /// Linux's default limit for unprivileged pipes.
  private static let pipeSize: Int32 = 1 << 20
  private static let setPipeSize: Int32 = 1031

  /// Makes the FIFO or the pipe, opens it, and starts the program with its standard output on it.
  init(_ command: ChildCommand, of identity: DumpIdentity, context: HookContext) throws {
    self.identity = identity
    limits = context.limits
    clock = context.clock
    cancellation = context.cancellation
    start = context.clock.steadySeconds()
    var command = command
    if command.branchesOff {
      fifo = nil
      command.output = .pipe
      child = try context.launcher.launch(command)
      guard let output = child.takeOutput() else { preconditionFailure("output was asked for as a pipe") }
      descriptor = output
      _ = fcntl(descriptor.number, F_SETFL, O_NONBLOCK)
    } else {
      let path = try context.runtime.makeFIFO(identity.path)
      fifo = path
      command.output = .path(path)
      do {
        descriptor = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
        child = try context.launcher.launch(command)
      } catch {
        unlink(path)
        throw error
      }
    }
    _ = fcntl(descriptor.number, Self.setPipeSize, Self.pipeSize)
    reader = PolledReader(descriptor.number, cancellation: context.cancellation)
  }

  deinit {
    abandon()
  }

  /// What the program warned of; complete once it has ended.
  var warnings: [String] { ClientFailure.warnings(lastLines) }

  /// What the program said last; complete once it has ended.
  var lastLines: [String] { child.lastErrorLines }

  /// The write end of the program's standard input, if the command asked for a pipe.
  func takeInput() -> FileDescriptor? { child.takeInput() }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !hasEnded else { return 0 }
    let elapsed = clock.steadySeconds() - start
    let left = limits.total.map { $0 - elapsed }
    let patience = min(limits.stall ?? .infinity, left ?? .infinity)
    let outcome = try reader.read(
      into: buffer, seconds: max(patience, 0), orUntil: child.endDescriptor, subject: identity.title)
    switch outcome {
    case .bytes(let count):
      remember(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      return count
    case .ended:
      hasEnded = true
      _ = try end.waitForExit()
      return 0
    case .timedOut:
      abandon()
      if let left, let total = limits.total, left <= patience {
        throw DumpError.tookTooLong(identity, program: child.program, seconds: Int(total))
      }
      throw DumpError.stalled(identity, program: child.program, seconds: Int(limits.stall ?? 0))
    }
  }

  /// Checks that the whole dump was read and that the program was content.
  ///
  /// - Returns: The exit status.
  /// - Throws: `DumpError`.
  func finish() throws -> Int32 {
    if !hasEnded {
      try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
        while try read(into: buffer) > 0 {}
      }
    }
    try end.judge(byteCount: byteCount)
    removeName()
    return try end.waitForExit()
  }

  func abandon() {
    child.terminate()
    removeName()
  }

  private func removeName() {
    guard let path = fifo, hasName else { return }
    hasName = false
    unlink(path)
  }

  private var end: DumpEnd { DumpEnd(identity, of: child, limits, cancellation, telling: telling) }

  private func remember(_ bytes: UnsafeRawBufferPointer) {
    byteCount += UInt64(bytes.count)
    observer?(bytes)
    if head.count < Self.sampleSize { head.append(contentsOf: bytes.prefix(Self.sampleSize - head.count)) }
    tail.append(contentsOf: bytes.suffix(Self.sampleSize))
    if tail.count > Self.sampleSize * 4 { tail.removeFirst(tail.count - Self.sampleSize) }
  }
}
