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
    "Warn, at the end of 'verify' and of the check 'restore', of databases whose last proof is older than that: a number and a unit.",
    example: "2 weeks", support: .own)

  public static let schema = OptionSchema(
    "Verifying", [directory.option, user.option, sample.option, within.option])
}
