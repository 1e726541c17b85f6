import CofferSystem
import Synchronization

/// Gives a finished temporary file its final name, unless the name is taken: by a hard link; by a reservation and a rename over
/// it, as in `ExclusiveNaming`; or by a look at the name and a rename.
///
/// OpenSSH's own rename makes a link, too, or else looks and renames, so where links fail it is no better than the third.
struct SFTPNaming {
  /// How names are given, from the surest on.
  enum Means: Sendable {
    case link, reservation
    /// Between the look and the rename another program may take the name, and some servers' renames replace what is there.
    /// Puts of one store are told apart.
    case rename
  }

  let session: SFTPSession
  let beingNamed: NamesInUse
  let lost: LostReservations
  let cancellation: Cancellation?

  /// Names the file. The temporary name may be left.
  ///
  /// - Parameters:
  ///   - size: Of the file.
  ///   - means: The first to be tried; what works at last is left in it.
  /// - Throws: A refusal with `exists` when the name is taken.
  func name(
    _ temporary: String, _ final: String, size: Int, by means: inout Means
  ) throws(SFTPError) {
    if try takeUp(temporary, final) { return }
    while true {
      do throws(SFTPError) {
        switch means {
        case .link:
          guard session.server.offers.contains(.link) else { throw Self.notOffered }
          try session.begin(.link(temporary, as: final), cancellation).done(cancellation)
        case .reservation: try reserve(temporary, final)
        case .rename: try rename(temporary, final, size)
        }
        return
      } catch {
        // Servers have no word for a name that is taken, or for what they cannot do: nearly all of it is a failure.
        guard case .refused(let operation, let status) = error, !error.isMissing, status.code != .exists else {
          throw error
        }
        guard try !isTaken(final) else { throw .refused(operation: operation, SFTPStatus(.exists)) }
        switch means {
        case .link: means = try canReserve(beside: temporary) ? .reservation : .rename
        case .reservation: means = .rename
        case .rename: throw error
        }
      }
    }
  }

  private static let notOffered = SFTPError.refused(operation: "link", SFTPStatus(.unsupported))

  private func isTaken(_ path: String) throws(SFTPError) -> Bool {
    do throws(SFTPError) {
      _ = try session.begin(.linkStatus(path), cancellation).attributes(cancellation)
      return true
    } catch {
      guard error.isMissing else { throw error }
      return false
    }
  }

  private func reserve(_ temporary: String, _ final: String) throws(SFTPError) {
    let handle = try session.begin(.open(final, .create, permissions: 0o600), cancellation).handle(cancellation)
    // Sent in any case: a reservation that stays takes the name for good.
    let closing = try session.begin(.close(handle), nil)
    let replacing = try session.begin(.replace(final, by: temporary), nil)
    do throws(SFTPError) {
      try closing.done(cancellation)
      try replacing.done(cancellation)
    } catch {
      // Only where that was refused it is certainly still the empty file.
      guard case .refused = error else {
        lost.add(final)
        throw error
      }
      if try isEmpty(final) { session.beginAndForget(.remove(final)) }
      throw error
    }
  }

  /// Renames over a reservation that this process made on a connection which broke before its end was known, if that is all
  /// that stands there.
  ///
  /// - Returns: Whether the file has its name.
  private func takeUp(_ temporary: String, _ final: String) throws(SFTPError) -> Bool {
    guard lost.holds(final) else { return false }
    return try beingNamed.holding(final) { () throws(SFTPError) in
      // Another thread may have been quicker.
      guard lost.holds(final) else { return false }
      do throws(SFTPError) {
        guard try isEmpty(final) else {
          lost.remove(final)
          return false
        }
      } catch {
        guard error.isMissing else { throw error }
        lost.remove(final)
        return false
      }
      try session.begin(.replace(final, by: temporary), nil).done(cancellation)
      lost.remove(final)
      return true
    }
  }

  private func isEmpty(_ path: String) throws(SFTPError) -> Bool {
    try session.begin(.linkStatus(path), cancellation).attributes(cancellation).size == 0
  }

  /// Whether a reservation means anything at this server: not every one keeps it when a file is to be made where there is one.
  private func canReserve(beside temporary: String) throws(SFTPError) -> Bool {
    guard session.server.offers.contains(.replace) else { return false }
    let probe = temporary + "p"
    defer { session.beginAndForget(.remove(probe)) }
    for turn in 0..<2 {
      do throws(SFTPError) {
        let handle = try session.begin(.open(probe, .create, permissions: 0o600), cancellation).handle(cancellation)
        try session.begin(.close(handle), cancellation).done(cancellation)
      } catch {
        guard case .refused = error else { throw error }
        return turn == 1
      }
    }
    return false
  }

  private func rename(_ temporary: String, _ final: String, _ size: Int) throws(SFTPError) {
    try beingNamed.holding(final) { () throws(SFTPError) in
      let taken = try session.begin(.linkStatus(final), cancellation)
      // Nothing has made the bytes durable here, so at least they are counted.
      let whole = try session.begin(.linkStatus(temporary), cancellation)
      let isTaken: Bool
      do throws(SFTPError) {
        _ = try taken.attributes(cancellation)
        isTaken = true
      } catch {
        isTaken = false
        guard error.isMissing else { throw error }
      }
      let written = try whole.attributes(cancellation).size
      guard !isTaken else { throw .refused(operation: "rename", SFTPStatus(.exists)) }
      guard written == UInt64(size) else {
        throw .broken(
          StorageFailure(
            .transient, "write", reason: "the server has \(written.map(String.init) ?? "no") bytes of \(size)"))
      }
      try session.begin(.rename(temporary, to: final), cancellation).done(cancellation)
    }
  }
}

/// Reservations of this process of which nobody knows whether the file came to have the name.
final class LostReservations: Sendable {
  private let names = Mutex<Set<ExactName>>([])

  func holds(_ name: String) -> Bool { names.withLock { $0.contains(ExactName(name)) } }

  func add(_ name: String) { names.withLock { _ = $0.insert(ExactName(name)) } }

  func remove(_ name: String) { names.withLock { _ = $0.remove(ExactName(name)) } }
}

/// Names that somebody of this process is giving.
final class NamesInUse: Sendable {
  private let names = Monitor<Set<ExactName>>([])

  /// Waits until nobody else holds the name.
  func holding<Result>(_ name: String, _ body: () throws(SFTPError) -> Result) throws(SFTPError) -> Result {
    let name = ExactName(name)
    names.wait(until: { !$0.contains(name) }, then: { _ = $0.insert(name) })
    defer { names.update { _ = $0.remove(name) } }
    return try body()
  }
}
