/// How dumps are shown to restore.
public enum VerifyOptions {
  public static let directory = OptionKey<String>(
    "verify_directory",
    "Where dumps are restored to see whether that works, in a folder that is removed again. There must be room for a whole database.",
    default: "/var/tmp", support: .own)
  public static let user = OptionKey<String>(
    "verify_user",
    "Whom the throw-away servers run as when Coffer runs as root: what is restored may do all that this user may.",
    default: "nobody", support: .own)
  public static let sample = OptionKey<Int?>(
    "verify_sample",
    "How many dumps 'verify' restores at a time, those first whose databases were not proven for longest. Without it, all.",
    in: NumberRange.countsFromOne, example: "1", support: .own)
  public static let within = OptionKey<CheckFrequency?>(
    "verify_within",
    "Warn, at the end of 'verify' and of every 'check', of databases whose last proof is older than that, or that have none: a number and a unit.",
    example: "2 weeks", support: .own)

  public static let queryDatabase = OptionKey<String>(
    "database", "Whom to ask: the name of a database, or a pattern of names with *.", example: "shop", isRequired: true)
  public static let queryHook = OptionKey<String?>(
    "hook", "Its system, where several have a database of that name: postgresql, mariadb, mysql or sqlite.",
    example: "postgresql")
  public static let query = OptionKey<String>(
    "query", "One statement of SQL.", example: "SELECT count(*) FROM orders", isRequired: true)
  public static let expect = OptionKey<ExpectedAnswer?>(
    "expect",
    "What it must answer: a text, with which all that it prints is compared (columns parted by |), or a comparison with a number.",
    example: "'>= 1000'", isRequired: true)
  public static let queries = OptionKey<[ConfigurationSection]>(
    "verify_queries",
    "Questions of your own to databases that 'verify' has restored, where it has restored them. A dump whose answer is another one is not proven.",
    support: .own,
    schema: OptionSchema(
      "Questions to restored databases", [queryDatabase.option, queryHook.option, query.option, expect.option]))

  /// Where throw-away servers are, and whose.
  public static let place = OptionSchema("Throw-away servers", [directory.option, user.option])

  public static let schema = OptionSchema(
    "Verifying", [directory.option, user.option, sample.option, within.option, queries.option])
}
