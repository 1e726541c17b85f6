import CofferSystem
import Glibc

extension S3Store {
  /// What begins the name of an object with which a server is tried; no object of a repository begins with a dot.
  static let probeBeginning = ".coffer-probe-"

  /// The place is there as soon as something is in it; the bucket is made by nobody but who pays for it. Tried out is
  /// whether it can be listed and put into, and whether the server refuses to overwrite.
  func makePlace(cancellation: Cancellation?) throws(StorageError) {
    _ = try listPage(prefix: client.target.prefix, after: nil, token: nil, limit: 1, cancellation)
    try tryOverwriting(cancellation)
  }

  func learnAbilities(cancellation: Cancellation?) throws(StorageError) -> StoreAbilities {
    if abilities.refusesTakenNames == nil { try tryOverwriting(cancellation) }
    return abilities
  }

  private func tryOverwriting(_ cancellation: Cancellation?) throws(StorageError) {
    guard guardian.isConditional else { return }
    let name = Self.probeBeginning + Digests.hexadecimal(try randomBytes())
    if try probe(key(name), cancellation) {
      guardian.noteRefusal()
    } else if guardian.isConditional {
      guardian.distrust()
      warn(
        Diagnosis(
          subject: "repository \(location)",
          problem: "The server overwrites what is there, although it is asked not to",
          suggestion: "Set 's3: conditional_put: false': Coffer then looks before each put whether the name is taken"))
    }
  }

  private func randomBytes() throws(StorageError) -> [UInt8] {
    do { return try random.bytes(16) } catch {
      throw .failed(
        nil, location: location,
        StorageFailure(.permanent, S3Operation.probe.rawValue, reason: Diagnosis(of: error).problem))
    }
  }

  /// Puts an object twice and removes it. One that may not be removed stays: a key that can only add is a good one. A server
  /// that takes no condition is noted.
  ///
  /// - Returns: Whether the second put was refused because the name is taken.
  private func probe(_ key: String, _ cancellation: Cancellation?) throws(StorageError) -> Bool {
    guard try put(probe: key, "1", cancellation) else { return false }
    defer { _ = try? client.send(.init(operation: .delete, method: .delete, key: key), cancellation: cancellation) }
    return try !put(probe: key, "2", cancellation)
  }

  /// - Returns: Whether it is stored; false for a name that is taken, and where the condition is not known.
  private func put(probe key: String, _ content: String, _ cancellation: Cancellation?) throws(StorageError) -> Bool {
    let outcome = try Array(content.utf8).withStoredBytes { (bytes) throws(StorageError) in
      try send(put: key, nil, bytes, Digests.sums(of: bytes), isConditional: true, cancellation)
    }
    switch outcome {
    case .done: return true
    case .refused(let refusal, let error, _):
      if refusal.status == 501 { guardian.forbidCondition() }
      guard refusal.status == 412 || refusal.status == 501 else { throw error }
      return false
    }
  }

  /// A bucket holds objects, and lists all of them.
  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    if cancellation?.isCancelled == true { throw .cancelled(location: location) }
    return []
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    var found: String?
    try forEachPage(prefix: client.target.prefix, after: nil, cancellation) { entries, _ in
      for entry in entries {
        guard let path = entry.key.after(beginning: client.target.prefix), !path.isEmpty else { continue }
        if !path.begins(with: Self.probeBeginning), !isExpected(path) {
          found = path
          return false
        }
      }
      return true
    }
    return found.map { Quoting.terminal($0) }
  }
}
