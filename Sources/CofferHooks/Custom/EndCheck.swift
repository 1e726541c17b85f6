import CofferSystem
import FoundationEssentials
import Glibc

/// The command that judges whether a dump is whole, fed with the dump's bytes as they go by.
final class EndCheck {
  private let identity: DumpIdentity
  private let child: ChildProcess
  private let limits: DumpLimits
  private let cancellation: Cancellation
  private let input: ChildInput

  /// How messages call the command.
  private static let title = "end_check"

  init(_ command: ChildCommand, of identity: DumpIdentity, context: HookContext) throws {
    var command = command
    command.input = .pipe
    self.identity = identity
    limits = context.limits
    cancellation = context.cancellation
    child = try context.launcher.launch(command)
    input = ChildInput(child)
  }

  deinit {
    abandon()
  }

  /// - Throws: `DumpError` when the command has ended, or takes nothing for too long; `RunCancelled`.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try input.write(bytes, whenFull: waitUntilWritable) {
      throw try verdict() ?? incomplete("\(Self.title) ended before it had read the whole dump")
    }
  }

  /// Tells that all bytes were written.
  ///
  /// - Throws: `DumpError` when the command does not take the dump for whole; `RunCancelled`.
  func finish() throws {
    input.close()
    if let failure = try verdict() { throw failure }
  }

  func abandon() {
    child.terminate()
    input.close()
  }

  /// - Returns: nil when the command was content.
  private func verdict() throws -> DumpError? {
    guard let status = child.wait(seconds: limits.stall, cancellation: cancellation) else {
      try cancellation.check()
      return stalled
    }
    guard !status.isSuccess else { return nil }
    return incomplete(ClientFailure.problem(Self.title, status, child.lastErrorLines))
  }

  private func waitUntilWritable(_ input: Int32) throws {
    var descriptors = [
      pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
      pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    let milliseconds = limits.stall.map { Int32(min($0, 1_000_000) * 1000) } ?? -1
    let count = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
    try cancellation.check()
    if count == 0 { throw stalled }
  }

  private var stalled: DumpError {
    .stalled(identity, program: Self.title, seconds: limits.stall.map { Int($0) } ?? 0)
  }

  private func incomplete(_ missing: String) -> DumpError {
    .incomplete(identity, program: CustomDump.title, missing: missing)
  }
}
