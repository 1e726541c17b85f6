import CofferConfiguration
import CofferSystem

/// How a restore's content gets to its place.
enum RestoreWay: Equatable {
  /// Built under a name of its own, which is exchanged at the end.
  case swap
  /// In the database itself, in one transaction, because of what is said.
  case inPlace(reason: String)

  /// - Parameters:
  ///   - half: What options leave out of the dump, or of its restore.
  ///   - part: The option of pg_dump that had only a part of the database dumped; nil for none.
  /// - Throws: `RestoreError.refused` when a swap is asked for and cannot be, and where half a dump would replace a database
  ///   that nobody has asked to be changed in place.
  static func choose(
    _ strategy: RestoreStrategy, for destination: PostgreSQLDestination, schemas: [String], options: [String],
    half: DumpHalf? = nil, part: String?, of identity: DumpIdentity
  ) throws -> RestoreWay {
    // Half a database under the name that somebody waits for is no good under any strategy.
    guard destination.state != .missing else { return .swap }
    if let half, destination.state == .filled {
      let asked =
        "--restore-strategy in-place asks for it all the same: "
        + (half.missing == .rows
          ? "its tables are replaced by empty ones" : "its rows are added to those that are there")
      guard strategy == .inPlace else {
        throw half.refusal(identity, in: "'\(destination.name)'", orElse: asked)
      }
    }
    guard let reason = obstacle(destination, schemas: schemas, options: options, part: part) else {
      return strategy == .inPlace ? .inPlace(reason: "restore_strategy asks for it") : .swap
    }
    guard strategy != .swap else {
      throw RestoreError.refused(
        identity, problem: "it cannot be swapped: \(reason.text)", suggestion: reason.advice)
    }
    return .inPlace(reason: reason.text)
  }

  private struct Obstacle {
    let text: String
    let advice: String
  }

  private static func obstacle(
    _ destination: PostgreSQLDestination, schemas: [String], options: [String], part: String?
  ) -> Obstacle? {
    let name = destination.name
    guard schemas.isEmpty else {
      return Obstacle(text: "only schemas of it are restored", advice: "Restore without --schema")
    }
    // The rest of the old database would be gone.
    if let option = options.first(where: choosesPart) {
      return Obstacle(
        text: "'\(option)' in restore_options chooses a part of it", advice: "Take it out of restore_options")
    }
    if let part {
      return Obstacle(
        text: "'\(part)' had only a part of it dumped, and the rest would be gone",
        advice: "Restore under another name with --target-name, or set restore_strategy: in-place")
    }
    guard name != "template0", name != "template1" else {
      return Obstacle(text: "new databases are made from it", advice: "Set restore_strategy: in-place")
    }
    guard let survey = destination.survey, let database = survey.database else {
      return Obstacle(
        text: "the user can connect neither to 'postgres' nor to 'template1', to work from there",
        advice: "Let the user connect to one of them, or set restore_strategy: in-place")
    }
    guard survey.cron?.isSame(as: name) != true else {
      return Obstacle(
        text: "pg_cron can be made in no database of another name", advice: "Set restore_strategy: in-place")
    }
    guard survey.mayCreateDatabases else {
      return Obstacle(
        text: "the user \(survey.user) may not create databases",
        advice: "Grant the user CREATEDB, or set restore_strategy: in-place")
    }
    guard database.isOwned else {
      return Obstacle(
        text: "the user \(survey.user) does not own it",
        advice: "Connect as its owner or as a superuser (--username), or set restore_strategy: in-place")
    }
    guard destination.foreignExtensions.isEmpty else {
      return Obstacle(
        text: "only a superuser can make its extensions \(destination.foreignExtensions.joined(separator: ", "))",
        advice: "Connect as a superuser (--username)")
    }
    guard survey.ties.prepared.isEmpty else {
      let names = survey.ties.prepared.map { "'\($0)'" }.joined(separator: ", ")
      return Obstacle(
        text: "prepared transactions are open in it: \(names)", advice: "COMMIT PREPARED or ROLLBACK PREPARED them")
    }
    guard survey.ties.slots.isEmpty else {
      return Obstacle(
        text: "its replication slots would be lost: \(survey.ties.slots.joined(separator: ", "))",
        advice: "Drop them with pg_drop_replication_slot, or set restore_strategy: in-place")
    }
    return nil
  }

  /// Whether one of pg_restore's or psql's options has only a part of the dump restored.
  static func choosesPart(_ option: String) -> Bool {
    // Of psql's, `-v NAME=VALUE`; of pg_restore's nothing stands behind that letter but others.
    isOne(option, ofLetters: "nNtIPTasL", before: option.holds("=") ? "dfFhjpRSUov" : restoreValues, or: partOptions)
  }

  /// Letters of pg_dump's, pg_dumpall's and of pg_restore's options that the rest of the word is a value of, but of those that choose
  /// a part.
  static let dumpValues = "dEfFhjlpSUZ"
  static let restoreValues = "dfFhjpRSUo"

  /// Whether one of pg_dump's options leaves objects out of the dump. Those that leave out rows only are none of them: a
  /// table that is in the dump is replaced in any case.
  static func leavesOut(_ option: String) -> Bool {
    isOne(option, ofLetters: "nNtTeB", before: dumpValues, or: leavingOptions)
  }

  /// Whether one of pg_dump's options names tables.
  static func choosesTables(_ option: String) -> Bool {
    isOne(option, ofLetters: "tT", before: dumpValues + "nNe", or: tableOptions)
  }

  /// - Parameters:
  ///   - letters: Short options, which may stand together.
  ///   - values: Letters that the rest of the word is a value of.
  ///   - words: Long options, which may be cut short.
  private static func isOne(
    _ option: String, ofLetters letters: String, before values: String, or words: [String]
  ) -> Bool {
    guard let long = option.after(beginning: "--") else {
      return option.holdsOption(ofLetters: letters, before: values)
    }
    let word = long.parts(by: "=", limit: 2)[0]
    // PostgreSQL 18's own, which has the planner's statistics dumped or restored besides.
    return word.utf8.count > 2 && !word.isSame(as: "statistics") && words.contains { $0.begins(with: word) }
  }

  /// Whether one of pg_restore's options names a file with the entries to restore; short ones may stand together.
  static func namesList(_ option: String) -> Bool {
    guard let long = option.after(beginning: "--") else {
      return option.holdsOption(ofLetters: "L", before: "dfFhIjnNpPStTU")
    }
    let word = long.parts(by: "=", limit: 2)[0]
    return word.utf8.count > 2 && "use-list".begins(with: word)
  }

  private static let partOptions = [
    "schema", "exclude-schema", "table", "index", "function", "trigger", "data-only", "schema-only", "section",
    "use-list", "filter", "no-data", "no-schema", "statistics-only",
  ]

  private static let tableOptions = [
    "table", "exclude-table", "exclude-table-data", "table-and-children", "exclude-table-and-children",
    "exclude-table-data-and-children", "filter",
  ]

  private static let leavingOptions = [
    "schema", "exclude-schema", "table", "exclude-table", "table-and-children", "exclude-table-and-children",
    "extension", "exclude-extension", "filter", "no-blobs", "no-large-objects", "no-publications", "no-subscriptions",
  ]
}
