import CofferSystem
import FoundationEssentials
import Synchronization

/// Where credentials come from.
protocol S3CredentialSource: Sendable {
  /// Gets them anew.
  func load(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials
}

/// Has the credentials that count now, for many threads, and gets new ones before they end.
final class S3CredentialKeeper: Sendable {
  private let source: any S3CredentialSource
  private let clock: Clock
  private let state = Mutex(State())

  private struct State {
    var kept: S3Credentials?
    /// When the source may be asked again for others than those that are still good, in seconds of the steady clock.
    var nextTry = -Double.infinity
  }

  /// Seconds before their end from which on new ones are asked for: a request may take long, and clocks differ.
  static let margin = 300.0

  /// Seconds for which those that will end soon are used before others are asked for again: a source may be away, or have no
  /// others yet.
  static let pause = 30.0

  init(_ source: any S3CredentialSource, clock: Clock) {
    self.source = source
    self.clock = clock
  }

  /// Threads that come while another gets them wait for those.
  ///
  /// - Throws: `S3CredentialError`, unless those that are there are still good.
  func current(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials {
    try state.withLock { (state) throws(S3CredentialError) in
      if let kept = state.kept {
        let left = left(of: kept)
        if left > Self.margin || left > 0 && clock.steadySeconds() < state.nextTry { return kept }
      }
      do throws(S3CredentialError) {
        return try load(&state, cancellation)
      } catch {
        guard let kept = state.kept, left(of: kept) > 0, !error.isCancelled else { throw error }
        return kept
      }
    }
  }

  /// Gets new ones after the server has refused some, unless another thread has done so.
  func renewed(
    after refused: S3Credentials, _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> S3Credentials {
    try state.withLock { (state) throws(S3CredentialError) in
      if let kept = state.kept, kept != refused { return kept }
      return try load(&state, cancellation)
    }
  }

  private func load(
    _ state: inout State, _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> S3Credentials {
    // Also when it fails.
    defer { state.nextTry = clock.steadySeconds() + Self.pause }
    let new = try source.load(cancellation)
    state.kept = new
    return new
  }

  private func left(of credentials: S3Credentials) -> Double {
    credentials.expires.map { $0.timeIntervalSince(clock.now()) } ?? .infinity
  }
}
