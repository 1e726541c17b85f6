import CofferConfiguration
import CofferSystem

extension StoreRequest {
  /// Seconds for which a place elsewhere is waited for, in all that a call tries.
  private var patience: Double { Double(options[RemoteOptions.stallLimit]) }

  /// Seconds without a byte in either direction after which a call on a place elsewhere is to end with a transient error. A
  /// part of `stall_limit`, so that another try is worth something.
  public var stallSeconds: Double { min(patience / 4, 60) }

  /// A store that is not on this machine, as the options for such places want it used: what fails for a reason that may pass
  /// is tried again as long as `stall_limit` lets, and what is sent and read keeps to its rates.
  ///
  /// - Parameters:
  ///   - retries: Whether it is tried again.
  ///   - tell: Told of what is waited for.
  public func tended(
    _ store: any ObjectStore, retries: Bool = true, pause: @escaping Pause = systemPause,
    tell: @escaping @Sendable (RetryNews) -> Void
  ) -> any ObjectStore {
    let upload = rate(RemoteOptions.uploadRateLimit)
    let download = rate(RemoteOptions.downloadRateLimit)
    let paced =
      upload == nil && download == nil
      ? store
      : RateLimitedStore(
        store, uploadRate: upload, downloadRate: download, clock: surroundings.clock, pause: pause)
    guard retries else { return paced }
    // The last call may be silent itself before it fails, and so may the first have been.
    let policy = RetryPolicy(retries: .max, patience: patience - 2 * stallSeconds)
    return RetryingStore(paced, policy, clock: surroundings.clock, pause: pause, tell: tell)
  }

  /// Bytes a second; nil for any number.
  private func rate(_ key: OptionKey<Int>) -> Int? {
    let kibibytes = options[key]
    return kibibytes > 0 ? kibibytes << 10 : nil
  }
}
