/// What may be chosen for one restore of a PostgreSQL database, besides schemas.
enum PostgreSQLChoices {
  /// How the content of a database that is there is replaced; nil for as configured.
  static let strategy = RestoreChoiceKey<RestoreStrategy?>(
    "--restore-strategy", value: "HOW",
    help: "How PostgreSQL databases that are there are replaced: auto, swap or in-place; in place of restore_strategy.")
  /// Whether what cannot be restored is left out, and told, rather than ending the restore.
  static let continueOnError = RestoreChoiceKey<Bool>(
    "--continue-on-error",
    help: "PostgreSQL: put the database in its place although parts of it did not come back, and list them. Without it "
      + "such a restore changes nothing.")
}
