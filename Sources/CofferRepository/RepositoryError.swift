import CofferStorage
import CofferSystem

/// A failure of the repository's content or keys; failures of the place it is kept in are `StorageError`s, and
/// failures of what is being backed up keep their own types.
public enum RepositoryError: DiagnosableError, Equatable {
  /// There is no repository at the place.
  case notFound(location: String)
  /// The place holds something, but no repository.
  case foreignContent(location: String, example: String)
  /// A repository with another mode is there already.
  case differentMode(location: String, existing: EncryptionMode, requested: EncryptionMode)
  /// The repository was written by a version of the program that this one does not understand.
  case unsupported(location: String, what: String)
  /// No key of the repository opens with the passphrase.
  case wrongPassphrase(location: String)
  /// The key file of a `keyfile` repository is not on this machine.
  case keyFileMissing(location: String, path: String)
  /// The repository holds no key that could be tried.
  case keysMissing(location: String)
  /// The passphrase opens none of the keys that the store could read, and one it could not.
  case keyUnread(location: String, object: String)
  /// The key was removed from the repository.
  case keyRemoved(location: String, key: String)
  /// There is no such key, or there are several that begin so.
  case noSuchKey(String, location: String)
  /// The store could not read the object of a key that is asked for.
  case askedKeyUnread(String, location: String, object: String)
  /// The passphrase opens another key already.
  case passphraseInUse(location: String, key: String)
  /// Another program has changed the key at the same moment.
  case keyChanged(location: String, key: String)
  /// The key has opened the repository, and would lock out who removes it.
  case keyInUse(location: String, key: String)
  /// The bundle of a `keyfile` repository's key is in a file on another machine.
  case keyElsewhere(location: String, key: String)
  /// No full key would be left.
  case lastFullKey(location: String)
  /// An archive that a removed write-only key has signed since it was removed.
  case signedAfterRemoval(object: String, location: String, key: String)
  /// An exported key is not one of the repository's, or was not typed as it stands on the page.
  case unusableExport(location: String, detail: String)
  /// The key in use may not do this.
  case needsFullKey(location: String, action: String)
  /// An object's bytes are not what was written.
  case damaged(object: String, location: String, detail: String)
  /// The object was signed by a key whose record in `keys/` is gone or cannot be read; it may be whole.
  case unknownKey(object: String, location: String, detail: String)
  /// An archive needs a chunk that no pack holds.
  case missingChunk(ChunkID, location: String)
  /// The session was not refreshed in time, so what it wrote may have been collected.
  case sessionExpired(location: String)
  /// The archive's record was written after a round of compaction was closed that the run had not seen: what the archive
  /// needs may be gone.
  ///
  /// - Parameter isDecided: Whether that is known to be so, and not only not known to be otherwise.
  case overtaken(String, location: String, isDecided: Bool)
  /// The archive counts for nothing, because it was overtaken.
  case voidArchive(String, location: String)
  /// The archive is not there, or not any more.
  case noSuchArchive(String, location: String)
  /// The archive is pinned: nothing takes it away.
  case pinnedArchive(String, location: String)
  /// Another archive has the name already.
  case archiveExists(String, location: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .notFound(let location):
      Diagnosis(
        subject: "repository \(location)", problem: "There is no repository",
        suggestion: "Check that its disk is mounted and its path is right; a new one is made by 'coffer repo-create'")
    case .foreignContent(let location, let example):
      Diagnosis(
        subject: "repository \(location)",
        problem: "The place is not empty and holds no repository (found '\(example)')",
        suggestion: "Choose an empty or new folder")
    case .differentMode(let location, let existing, let requested):
      Diagnosis(
        subject: "repository \(location)",
        problem: "A repository exists with encryption \(existing.rawValue), not \(requested.rawValue)",
        suggestion: "Use --encryption \(existing.rawValue), or choose another place")
    case .unsupported(let location, let what):
      Diagnosis(
        subject: "repository \(location)", problem: "This version of coffer does not know \(what)",
        suggestion: "Use the version of coffer that wrote the repository, or a newer one")
    case .wrongPassphrase(let location):
      Diagnosis(
        subject: "repository \(location)", problem: "The passphrase opens no key of the repository",
        suggestion: "Check encryption_passphrase, encryption_passcommand or COFFER_PASSPHRASE. If that is certainly "
          + "the right one, its key is damaged: bring that back from a copy of the repository, or with "
          + "'coffer key import --repository \(Quoting.pastedWord(location))'")
    case .keyFileMissing(let location, let path):
      Diagnosis(
        subject: "repository \(location)", problem: "The repository's key file \(path) is missing",
        suggestion: "Copy the key file there from the machine that created the repository, or bring the key back with "
          + "'coffer key import --repository \(Quoting.pastedWord(location))'")
    case .keysMissing(let location):
      Diagnosis(
        subject: "repository \(location)", problem: "There is no key in the repository: its folder keys/ is lost",
        suggestion: "Bring it back from a copy of the repository, or the key with "
          + "'coffer key import --repository \(Quoting.pastedWord(location))'")
    case .keyUnread(let location, let object):
      Diagnosis(
        subject: "repository \(location)",
        problem: "The store could not read the key \(object), and the passphrase opens no other",
        suggestion: "See above why, and run the command again when it can be read; if it is lost, bring it back from a "
          + "copy of the repository, or with 'coffer key import --repository \(Quoting.pastedWord(location))'")
    case .keyRemoved(let location, let key):
      Diagnosis(
        subject: "repository \(location)", problem: "The key \(key) was removed from the repository",
        suggestion: "Ask who holds a full key for another one: 'coffer key add'")
    case .noSuchKey(let key, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "No key, or not one alone, has an id that begins with '\(key)'",
        suggestion: "See the keys with 'coffer key list'")
    case .askedKeyUnread(let key, let location, let object):
      Diagnosis(
        subject: "repository \(location)",
        problem: "The store could not read \(object), and no other key has an id that begins with '\(key)'",
        suggestion: "See above why, and run the command again when it can be read")
    case .passphraseInUse(let location, let key):
      Diagnosis(
        subject: "repository \(location)", problem: "The new passphrase opens the key \(key) already",
        suggestion: "Choose another passphrase: it says which key is meant")
    case .keyChanged(let location, let key):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Another program has changed the passphrase of key \(key) at the same moment",
        suggestion: "Find out which passphrase counts, and run the command again if need be")
    case .keyInUse(let location, let key):
      Diagnosis(
        subject: "repository \(location)", problem: "The key \(key) is the one in use, and does not remove itself",
        suggestion: "Open the repository with the passphrase of another full key; 'coffer key add' makes one")
    case .keyElsewhere(let location, let key):
      Diagnosis(
        subject: "repository \(location)", problem: "The key \(key) is in a file that is not on this machine",
        suggestion: "Run the command where that key opens the repository")
    case .lastFullKey(let location):
      Diagnosis(
        subject: "repository \(location)", problem: "No full key would be left: nothing was removed",
        suggestion: "Add another full key first: 'coffer key add'")
    case .signedAfterRemoval(let object, let location, let key):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Object \(object) was signed by the key \(key) after that was removed, and does not count",
        suggestion: "Somebody still uses the key; 'coffer delete --archive ID' takes the archive away")
    case .unusableExport(let location, let detail):
      Diagnosis(
        subject: "repository \(location)", problem: "The key cannot be imported: \(detail)",
        suggestion: "Give a file, or lines, that 'coffer key export' of this repository has written")
    case .needsFullKey(let location, let action):
      Diagnosis(
        subject: "repository \(location)", problem: "The key in use is write-only and cannot \(action)",
        suggestion: "Use the passphrase of a full key")
    case .damaged(let object, let location, let detail):
      Diagnosis(
        subject: "repository \(location)", problem: "Object \(object) is damaged: \(detail)",
        suggestion: "Run 'coffer check' to see which archives are affected")
    case .unknownKey(let object, let location, let detail):
      Diagnosis(
        subject: "repository \(location)", problem: "Object \(object) cannot be believed: \(detail)",
        suggestion: "Bring the key's record in keys/ back from a copy of the repository, or see why it cannot be read")
    case .missingChunk(let id, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "Chunk \(id) is in no pack",
        suggestion: "Run 'coffer check' to see which archives are affected")
    case .sessionExpired(let location):
      Diagnosis(
        subject: "repository \(location)",
        problem: "The run's marker in sessions/ is gone: somebody took the run for dead, and it must not commit",
        suggestion: "Run the command again; what was stored so far is reused")
    case .overtaken(let name, let location, let isDecided):
      Diagnosis(
        subject: "archive \(name)",
        problem: "A compaction of \(location) has gone on without this run, and the archive "
          + (isDecided ? "is void: what it needs may be deleted" : "may become void"),
        suggestion: "Run the command again; what was stored so far is reused")
    case .voidArchive(let name, let location):
      Diagnosis(
        subject: "archive \(name)",
        problem: "It is void: its run was overtaken by a compaction of \(location), and failed. What it needs may be "
          + "deleted",
        suggestion: "Use another archive, as 'coffer repo-list' shows them; 'coffer delete' takes this one away")
    case .noSuchArchive(let name, let location):
      Diagnosis(
        subject: "archive \(name)", problem: "There is no such archive in \(location)",
        suggestion: "See the names with 'coffer repo-list'")
    case .pinnedArchive(let name, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "The archive '\(name)' is pinned, and stays",
        suggestion: "See why with 'coffer info'; 'coffer unpin' takes the pin away")
    case .archiveExists(let name, let location):
      Diagnosis(
        subject: "archive \(name)", problem: "An archive of that name exists already in \(location)",
        suggestion: "Put {now} into archive_name_format")
    }
  }
}
