import CofferSystem

/// Whose log of a server counts for who reads it: that of full keys, and of a write-only key if no second one has put anything, or
/// it is named. Log that somebody else has made is whatever he wants the server to do.
struct LogSigners {
  /// Write-only keys that count although there are several, or they have been removed: their ids, or how these begin.
  let named: [String]
  /// All write-only keys that have put something for the server, are known and have not been removed.
  private let standing: Set<String>

  /// - Parameter all: The signers of all that there is of the server.
  init(named: [String], all: Set<LogSigner>, _ context: RepositoryContext) {
    self.named = named
    standing = Set(
      all.compactMap { signer in
        guard case .writeOnly(let id) = signer, let key = KeyID(hex: id), context.signers[key] != nil,
          !context.signers.isRemoved(key)
        else { return nil }
        return id
      })
  }

  func counts(_ signer: LogSigner) -> Bool {
    guard case .writeOnly(let id) = signer else { return true }
    guard named.isEmpty else { return named.contains { id.begins(with: $0) } }
    return standing.count == 1 && standing.contains { $0.isSame(as: id) }
  }
}
