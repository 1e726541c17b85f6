import CofferSystem

/// The options that the entries of all database servers have in common.
public enum ServerOptions {
  public static let name = OptionKey<String>("name", "The database's name.", example: "users", isRequired: true)
  public static let label = OptionKey<String?>(
    "label", "Names the dump in the archive in place of host and port.", example: "shop")
  public static let container = OptionKey<String?>(
    "container",
    "The container that the server runs in, in place of hostname: its address is asked of docker, then of podman.",
    example: "my_database")
  public static let restoreContainer = OptionKey<String?>(
    "restore_container", "The container that 'restore' writes to.", example: "my_spare")
  public static let hostname = OptionKey<String?>(
    "hostname", "The server's host. Without it the client's own default, a local socket as a rule.",
    example: "database.example.org")
  public static let restoreHostname = OptionKey<String?>(
    "restore_hostname", "The host that 'restore' writes to, if not hostname.", example: "spare.example.org")
  public static let port = OptionKey<Int?>("port", "The server's port.", in: NumberRange.ports, example: "5432")
  public static let restorePort = OptionKey<Int?>(
    "restore_port", "The port that 'restore' writes to, if not port.", in: NumberRange.ports, example: "5433")
  public static let username = OptionKey<String?>("username", "The user to connect as.", example: "backup")
  public static let restoreUsername = OptionKey<String?>(
    "restore_username", "The user that 'restore' connects as, if not username.", example: "admin")
  public static let password = OptionKey<String?>(
    "password", "The user's password. It never reaches the arguments of a program.",
    example: "\"${PGPASSWORD}\"", isSecret: true)
  public static let restorePassword = OptionKey<String?>(
    "restore_password", "The password that 'restore' uses, if not password.", example: "\"${RESTORE_PASSWORD}\"",
    isSecret: true)
  public static let passwordFile = OptionKey<String?>(
    "password_file", "A file that holds the password and nothing else; used when password is not set.",
    example: "/etc/coffer/database-password", support: .own)
  public static let restorePasswordFile = OptionKey<String?>(
    "restore_password_file", "A file that holds the password that 'restore' uses.",
    example: "/etc/coffer/spare-password", support: .own)
  public static let verifyHostname = OptionKey<String?>(
    "verify_hostname",
    "The host of a server on which 'verify' restores the dump, in a database of its own that is removed again. Without it, a throw-away server is made on this machine.",
    example: "spare.example.org", support: .own)
  public static let verifyPort = OptionKey<Int?>(
    "verify_port", "Its port, if not as restore_port and port say.", in: NumberRange.ports, example: "5433",
    support: .own)
  public static let verifyUsername = OptionKey<String?>(
    "verify_username", "The user that 'verify' connects as there, if not as restore_username and username say.",
    example: "verifier", support: .own)
  public static let verifyPassword = OptionKey<String?>(
    "verify_password", "The password of that user, if not as restore_password and password say.",
    example: "\"${VERIFY_PASSWORD}\"", isSecret: true, support: .own)
  public static let options = OptionKey<CommandWords>(
    "options", "More arguments for the dump program, split into words like a shell does.", example: "--verbose")
  public static let listOptions = OptionKey<CommandWords>(
    "list_options", "More arguments for the program that lists the server's databases.", example: "--verbose")
  public static let restoreOptions = OptionKey<CommandWords>(
    "restore_options", "More arguments for the program that restores.", example: "--verbose")

  public static let versionQuery = OptionKey<String?>(
    "version_query",
    "A query, asked before each dump of one database, whose answer - the first field of the first row - is kept with the dump as the version that the application says of itself. 'info' and 'list --json' show it, and 'restore' before it begins. It may only read, and is asked with no more rights than the database's owner has (PostgreSQL), or by a user who has no right over the server (MariaDB, MySQL); where that cannot be, it is not asked, and a warning says so.",
    example: "SELECT max(version) FROM public.schema_migrations", support: .own)
  public static let maxReplicaLag = OptionKey<Int?>(
    "max_replica_lag",
    "How many seconds a server that is a replica may lag behind. It is asked before each dump, and the answer is kept with it; a replica that lags more, or whose lag cannot be told, is not dumped. A server that is no replica lags behind nothing.",
    in: NumberRange.seconds, example: "300", support: .own)

  /// Whether two entries lead to the same host, port and container.
  public static func areSame(_ one: ConfigurationSection, _ other: ConfigurationSection) -> Bool {
    one[hostname] == other[hostname] && one[port] == other[port] && one[container] == other[container]
  }

  /// Those of systems whose servers can be asked in SQL, and be replicas.
  public static let asked: [Option] = [versionQuery.option, maxReplicaLag.option]

  /// All but the name, which every hook explains in its own words, and `list_options`, which not every hook has.
  public static let shared: [Option] =
    [
      label.option, container.option, restoreContainer.option, hostname.option, restoreHostname.option, port.option,
      restorePort.option, username.option, restoreUsername.option, password.option, restorePassword.option,
      passwordFile.option, restorePasswordFile.option, verifyHostname.option, verifyPort.option,
      verifyUsername.option, verifyPassword.option, options.option, restoreOptions.option,
    ] + PatienceOptions.all
}
