import CofferConfiguration

/// The options of one entry of `mongodb_servers`.
public enum MongoDBServerOptions {
  public static let name = OptionKey<String>(
    "name", "What the server, or its replica set, is called here, in lists of logs.", example: "main", isRequired: true)

  public static let servers = OptionKey<[ConfigurationSection]>(
    "mongodb_servers",
    "MongoDB servers as a whole, members of a replica set: of which 'coffer oplog receive' stores the oplog, and 'prune' deletes it. 'coffer oplog receive' takes the only entry where no name is given.",
    support: .own,
    schema: OptionSchema(
      "MongoDB servers",
      [
        name.option, ServerLogOptions.within.option, ServerLogOptions.hostname.option, ServerOptions.label.option,
        ServerOptions.container.option, ServerOptions.hostname.option, ServerOptions.port.option,
        ServerOptions.username.option, ServerOptions.password.option, ServerOptions.passwordFile.option,
        MongoDBOptions.authenticationDatabase.option, MongoDBOptions.passwordTransport.option,
        ServerOptions.options.option, MongoDBOptions.dumpCommand.option,
      ]))

  /// What the actions on oplogs read.
  public static let schema = OptionSchema("Oplogs", [servers.option])
}
