import CofferConfiguration

/// The options of one entry of `sqlite_databases`.
public enum SQLiteOptions {
  public static let name = OptionKey<String>(
    "name", "What the dump is called in the archive.", example: "users", isRequired: true)
  public static let path = OptionKey<String>(
    "path", "The database file. It must exist.", example: "/var/lib/sqlite/users.db", isRequired: true)
  public static let label = OptionKey<String?>(
    "label", "Names the dump in the archive in place of the host.", example: "shop")
  public static let restorePath = OptionKey<String?>(
    "restore_path", "The file that 'restore' writes, if not path.", example: "/var/lib/sqlite/users-restored.db")
  public static let sqliteCommand = OptionKey<CommandWords?>(
    "sqlite_command", "A program sqlite3 to dump with, in place of SQLite's library.",
    example: "docker exec -i my_container sqlite3")
  public static let sqliteRestoreCommand = OptionKey<CommandWords?>(
    "sqlite_restore_command", "A program sqlite3 to restore with, in place of SQLite's library.",
    example: "/opt/sqlite/bin/sqlite3")

  public static let databases = OptionKey<[ConfigurationSection]>(
    "sqlite_databases", "SQLite databases to back up.", schema: schema)

  public static let schema = OptionSchema(
    "SQLite",
    [
      name.option, path.option, label.option, restorePath.option, sqliteCommand.option,
      sqliteRestoreCommand.option,
    ] + PatienceOptions.all)
}
