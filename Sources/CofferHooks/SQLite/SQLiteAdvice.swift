import CofferSystem

/// What to do about what SQLite says.
enum SQLiteAdvice {
  private static let causes: FailureAdvice.Causes = [
    ("another process has it locked", "Let that process finish its transaction, or run this at another hour"),
    (
      "file is not a database",
      "Correct the path; an encrypted database is read by its own program only: set sqlite_command to it"
    ),
    (
      "database disk image is malformed",
      "The file is damaged: save what can be read of it with 'sqlite3 FILE .recover', or restore an older archive"
    ),
    ("was exchanged meanwhile", "Run the command again"),
    (
      "although SQLite's lock was held",
      "Run the command again; let what puts another database in its place rename a whole file over it, not write into it"
    ),
    (
      "is there already",
      "Restore the table under another name with --table-as, or put it in its place with --replace-tables"
    ),
    (
      "unable to open database file",
      "Let the owner of the file's folder read the file and the folder, or have the application close the database"
    ),
    ("attempt to write a readonly database", "Let the owner of the file's folder write the file and the folder"),
    ("database or disk is full", "Free some space in the database's folder and in /var/tmp"),
    ("there is no folder for temporary files", "Let the database's owner make files in /var/tmp or /tmp"),
    (
      "no such function: ", "Set sqlite_restore_command to a sqlite3 that has the function, or restore to where it is"
    ),
    ("no such collation sequence: ", "Set sqlite_restore_command to a sqlite3 that has the collation"),
    ("is not for it", "The dump holds what no dump of Coffer's holds: find out who made it before it is used"),
    ("database is locked", "Another process holds the database locked; try again when it is done"),
  ]

  /// Where the program comes from that may be configured.
  static let installations = FailureAdvice.debian(["sqlite3"], "sqlite3")

  static func suggestion(_ text: String) -> String? {
    FailureAdvice.first(of: causes, in: text)
  }
}
