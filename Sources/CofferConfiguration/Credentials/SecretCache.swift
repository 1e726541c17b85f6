import CofferSystem

/// Secrets that were asked for once in this run, so that no program is asked twice.
public final class SecretCache: Sendable {
  /// What a secret is got from.
  enum Source: Hashable, Sendable {
    case file(String)
    case command([String])
  }

  private let secrets = Monitor<[Source: String]>([:])

  public init() {}

  /// Returns what `get` returned the first time.
  func value<Failure: Error>(of source: Source, get: () throws(Failure) -> String) throws(Failure) -> String {
    if let known = secrets.update({ $0[source] }) { return known }
    let secret = try get()
    secrets.update { $0[source] = secret }
    return secret
  }
}
