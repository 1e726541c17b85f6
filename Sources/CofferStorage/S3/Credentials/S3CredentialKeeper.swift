import CofferSystem
import Foundation
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
  private let kept = Mutex<S3Credentials?>(nil)

  /// Seconds before their end from which on new ones are asked for: a request may take long, and clocks differ.
  static let margin = 300.0

  init(_ source: any S3CredentialSource, clock: Clock) {
    self.source = source
    self.clock = clock
  }

  /// Threads that come while another gets them wait for those.
  ///
  /// - Throws: `S3CredentialError`, unless those that are there are still good.
  func current(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials {
    try kept.withLock { (kept) throws(S3CredentialError) in
      if let kept, left(of: kept) > Self.margin { return kept }
      do throws(S3CredentialError) {
        let new = try source.load(cancellation)
        kept = new
        return new
      } catch {
        guard let kept, left(of: kept) > 0, !error.isCancelled else { throw error }
        return kept
      }
    }
  }

  /// Gets new ones after the server has refused some, unless another thread has done so.
  func renewed(
    after refused: S3Credentials, _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> S3Credentials {
    try kept.withLock { (kept) throws(S3CredentialError) in
      if let kept, kept != refused { return kept }
      let new = try source.load(cancellation)
      kept = new
      return new
    }
  }

  private func left(of credentials: S3Credentials) -> Double {
    credentials.expires.map { $0.timeIntervalSince(clock.now()) } ?? .infinity
  }
}
