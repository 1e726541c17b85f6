import CofferSystem

/// Judges the end of a dump: only a program that was content and has written something has made one.
///
/// What a dump of a format must end with, the hook of its database system looks at besides.
struct DumpEnd {
  private let identity: DumpIdentity
  private let child: ChildProcess
  private let limits: DumpLimits
  private let cancellation: Cancellation
  private let telling: ([String]) -> [String]

  /// - Parameter telling: Which of the program's last lines say why it failed.
  init(
    _ identity: DumpIdentity, of child: ChildProcess, _ limits: DumpLimits, _ cancellation: Cancellation,
    telling: @escaping ([String]) -> [String] = { $0 }
  ) {
    self.identity = identity
    self.child = child
    self.limits = limits
    self.cancellation = cancellation
    self.telling = telling
  }

  /// Waits for a program that has closed its output: what it still does is its own exit.
  ///
  /// - Returns: The exit status.
  /// - Throws: `DumpError`; `RunCancelled`.
  func waitForExit() throws -> Int32 {
    guard let status = child.wait(seconds: limits.stall ?? 600, cancellation: cancellation) else {
      try cancellation.check()
      child.terminate()
      throw DumpError.stalled(identity, program: child.program, seconds: Int(limits.stall ?? 600))
    }
    return try judge(status)
  }

  /// - Returns: The exit status.
  func judge(_ status: ExitStatus) throws(DumpError) -> Int32 {
    guard status.isSuccess else {
      throw .programFailed(identity, program: child.program, status: status, lines: telling(child.lastErrorLines))
    }
    return status.code
  }

  func judge(byteCount: UInt64) throws(DumpError) {
    guard byteCount > 0 else { throw .empty(identity, program: child.program) }
  }
}
