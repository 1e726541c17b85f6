import CofferSystem
import FoundationEssentials
import Glibc

/// Why a repository was not compacted: nothing was deleted.
public enum CompactionError: DiagnosableError, Equatable {
  /// The record of an archive cannot be read, so nobody knows what the archive needs.
  case unreadableArchive(id: String, location: String, detail: String)
  /// The place of an archive's record holds no file, or an empty one.
  case lostRecord(path: String, location: String)
  /// There is no archive, but this machine has seen some and did not delete them.
  case missingArchives(count: Int, newest: String, location: String)
  /// An archive needs what is not there, or is damaged in every copy.
  case brokenArchive(id: String, name: String, location: String, detail: String)
  /// An archive seems to need what is not there, and a key could not be read: what that key has stored is believed of nobody.
  case unreadKey(_ object: String, archive: String, location: String, detail: String)
  /// An archive of a write-only key is not whole, and what it lacks may still be put back; `until` is when that ends, nil where
  /// nobody can tell.
  case heldUp(id: String, name: String, location: String, detail: String, until: Date?)
  /// The decision of a round is gone that says which archives of earlier rounds count.
  case missingDecision(round: Int, location: String)
  /// What a round would have to name is more than anybody reads.
  case tooMuch(round: Int, location: String)
  /// The store overwrites, and nobody has promised to be the only one who compacts.
  case overwritingStore(location: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .unreadableArchive(let id, let location, let detail):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted, and nothing deleted: what archive \(id) needs cannot be known. \(detail)",
        suggestion: "If it is lost for good, 'coffer delete --archive \(id)' takes it out of the way")
    case .lostRecord(let path, let location):
      Diagnosis(
        subject: "repository \(location)",
        problem:
          "Not compacted, and nothing deleted: \(path) is no file, or an empty one. The record of an archive was "
          + "lost there, or is being written, so what the archive needs cannot be known",
        suggestion: "If no backup runs, bring the file back from a copy of the repository; if the archive is lost for "
          + "good, or a backup was killed while it wrote the record, remove what is there")
    case .missingArchives(let count, let newest, let location):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted, and nothing deleted: it holds no archive, but this machine has seen \(count) here, "
          + "the last of them '\(newest)', and did not delete them",
        suggestion: "If they were lost, bring archives/ back from a copy of the repository; if they were deleted from "
          + "another machine, compact from there, or, if that is gone, remove the file 'archives' from this machine's "
          + "cache of the repository")
    case .brokenArchive(let id, let name, let location, let detail):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted, and nothing deleted: archive \(name) (\(id)) is not whole. \(detail)",
        suggestion: "Run 'coffer check', and 'coffer create' while what was backed up is still there, which stores it "
          + "again; if the archive is lost for good, 'coffer delete --archive \(id)' takes it out of the way")
    case .unreadKey(let object, let archive, let location, let detail):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted, and nothing deleted: the store could not read \(object), and archive \(archive) "
          + "cannot be judged without that key. \(detail)",
        suggestion: "See above why it cannot be read, and run the command again when it can be")
    case .heldUp(let id, let name, let location, let detail, let until):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted, and nothing deleted: archive \(name) (\(id)), which a write-only key has signed, is "
          + "not whole. \(detail)",
        suggestion: "Put back what is missing, or run 'coffer create' where the archive is from while what was backed "
          + "up is still there; if it is lost for good, 'coffer delete --archive \(id)' takes it out of the way. From "
          + (until.map { "\(Date.ISO8601FormatStyle().format($0))" } ?? "a week after the round began")
          + " on compaction goes on in spite of it, and keeps what can be reached of it")
    case .missingDecision(let round, let location):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted: the decision of round \(round) in gc/ is not there, though a later round leans on it",
        suggestion: "Run the command again; if it is the same then, bring gc/ back from a copy of the repository")
    case .tooMuch(let round, let location):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted: round \(round) would have to name more archives, packs and index objects than fit",
        suggestion: "See with 'coffer repo-list' and in index/ who has stored so many, and delete what is not wanted")
    case .overwritingStore(let location):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Not compacted: this store overwrites what has a name already, so that two that "
          + "compact at the same moment would undo each other's decisions",
        suggestion: "Run 'coffer compact --exclusive' while nobody else compacts it; backups and restores may go on")
    }
  }
}
