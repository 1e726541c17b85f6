import CofferSystem
import Synchronization

/// A passphrase that is stretched while a repository far away is still being reached: half a second of work that needs nothing from
/// there but what this machine remembers of the key that it opened last. It is of use only if that is the same key still.
public final class StretchedAhead: Sendable {
  private final class Outcome: Sendable {
    let key = Mutex<SecretBytes?>(nil)
  }

  private let passphrase: SecretBytes
  private let wrapping: KeyRecord.Wrapping
  private let outcome = Outcome()
  private let thread: WorkerThread

  /// Begins, if this machine remembers the key and it is not open already.
  ///
  /// - Parameters:
  ///   - location: The repository's.
  ///   - passphrase: Asked for only if there is something to do; returns nil when somebody would have to type it.
  /// - Returns: nil when there is nothing to do, or no thread for it.
  /// - Throws: What the passphrase's place throws.
  public init?(
    of location: String, _ surroundings: RepositorySurroundings, passphrase: () throws -> SecretBytes?
  ) throws {
    guard surroundings.isFar, let known = KnownKey(surroundings.cacheFolder, location: location).last,
      surroundings.openedKeys?.mayHold(known) != true, let passphrase = try passphrase()
    else { return nil }
    self.passphrase = passphrase
    wrapping = known.wrapping
    do {
      thread = try WorkerThread(name: "passphrase") { [outcome, wrapping] in
        // What it is about is said where the key is opened.
        let key = try? wrapping.key(of: passphrase)
        outcome.key.withLock { $0 = key }
      }
    } catch {
      return nil
    }
  }

  deinit { thread.join() }

  /// Returns the key that the passphrase becomes by this wrapping, when it is ready; nil for any other than was begun with.
  func key(of passphrase: SecretBytes, by wrapping: KeyRecord.Wrapping) -> SecretBytes? {
    guard wrapping == self.wrapping, passphrase.isEqual(to: self.passphrase) else { return nil }
    thread.join()
    return outcome.key.withLock { $0 }
  }
}
