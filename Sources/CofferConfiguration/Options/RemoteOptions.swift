/// How a run goes about repositories that are not on this machine, whatever their kind.
public enum RemoteOptions {
  public static let uploadRateLimit = OptionKey<Int>(
    "upload_rate_limit", "KiB a second that are sent to a repository elsewhere at most; 0 for any number.",
    in: NumberRange.kibibytes, default: 0, example: "100")
  public static let downloadRateLimit = OptionKey<Int>(
    "download_rate_limit", "KiB a second that are read from a repository elsewhere at most; 0 for any number.",
    in: NumberRange.kibibytes, default: 0, example: "1000", support: .own)
  public static let stallLimit = OptionKey<Int>(
    "stall_limit",
    "Seconds for which a repository elsewhere is waited for while it answers nothing or only with errors that may pass; and for which one of several may hold up the others.",
    in: 10...NumberRange.seconds.upperBound, default: 300, support: .own)

  public static let schema = OptionSchema(
    "Elsewhere", [uploadRateLimit.option, downloadRateLimit.option, stallLimit.option])
}
