import CofferSystem

/// What may be chosen for one restore of a PostgreSQL database.
enum PostgreSQLChoices {
  static let strategy = RestoreChoice(
    "--restore-strategy", value: "HOW", values: RestoreStrategy.choices,
    help: "How PostgreSQL databases that are there are replaced: auto, swap or in-place; in place of restore_strategy.")
  static let continueOnError = RestoreChoice(
    "--continue-on-error",
    help: "PostgreSQL: put the database in its place although parts of it did not come back, and list them. Without it "
      + "such a restore changes nothing.")
}

extension RestoreTarget {
  /// How the content of a database that is there is replaced; nil for as configured.
  var strategy: RestoreStrategy? {
    get { choices[PostgreSQLChoices.strategy.flag].flatMap { RestoreStrategy(rawValue: $0) } }
    set { choices[PostgreSQLChoices.strategy.flag] = newValue?.rawValue }
  }

  /// Whether what cannot be restored is left out, and told, rather than ending the restore.
  var continuesOnErrors: Bool {
    get { choices[PostgreSQLChoices.continueOnError.flag] != nil }
    set { choices[PostgreSQLChoices.continueOnError.flag] = newValue ? "" : nil }
  }
}
