import CofferConfiguration

/// The options of one entry of `mongodb_databases`.
public enum MongoDBOptions {
  public enum Format: String, OptionChoice {
    case archive, directory
  }

  /// How a password reaches a client.
  public enum PasswordTransport: String, OptionChoice {
    case pipe, file
  }

  public static let name = OptionKey<String>(
    "name", "The database's name, or all for one dump of the whole server.", example: "users", isRequired: true)
  public static let format = OptionKey<Format>(
    "format",
    "The dump's format. archive streams; directory needs temporary space in the runtime directory.",
    default: .archive)
  public static let oplog = OptionKey<Bool>(
    "oplog",
    "Whether a dump of the whole server (name: all) is of one moment, by mongodump's --oplog: what is written meanwhile goes along, and 'restore' replays it. The server has to be a member of a replica set.",
    default: false, support: .own)
  public static let authenticationDatabase = OptionKey<String?>(
    "authentication_database", "The database that the user is defined in, if not the one that is dumped.",
    example: "admin")
  public static let passwordTransport = OptionKey<PasswordTransport>(
    "password_transport",
    "How the password reaches mongodump and mongorestore: through a pipe, or in a private file that is removed afterwards, for clients that cannot read from a pipe.",
    default: .pipe)
  public static let dumpCommand = OptionKey<CommandWords>(
    "mongodump_command", "What to run in place of mongodump; may have arguments.", default: "mongodump",
    example: "docker exec my_mongodb_container mongodump")
  public static let restoreCommand = OptionKey<CommandWords>(
    "mongorestore_command", "What to run in place of mongorestore; may have arguments.", default: "mongorestore",
    example: "docker exec -i my_mongodb_container mongorestore")

  public static let databases = OptionKey<[ConfigurationSection]>(
    "mongodb_databases", "MongoDB databases to back up.", schema: schema)

  public static let schema = OptionSchema(
    "MongoDB",
    [name.option] + ServerOptions.shared + [
      format.option, oplog.option, authenticationDatabase.option, passwordTransport.option, dumpCommand.option,
      restoreCommand.option,
    ])
}
