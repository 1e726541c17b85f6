/// What `check` looks at, and how often.
public enum CheckOptions {
  /// A check that can be made.
  public enum Name: String, OptionChoice {
    case repository, archives, data, extract, spot, restore
  }

  public static let checks = OptionKey<[ConfigurationSection]?>(
    "checks", "The checks that 'check' makes. Without it: repository and archives, each once a month at most.",
    support: .differently("'data' and 'extract' read dumps, too; a check with max_duration goes on where it stopped"),
    schema: entry)
  public static let last = OptionKey<Int?>(
    "check_last", "Follow only this many archives, the newest ones. 0 follows all.",
    in: NumberRange.counts, example: "3")
  public static let repositories = OptionKey<[String]?>(
    "check_repositories", "Check only these repositories, by path or label.", example: "[local]")

  public static let name = OptionKey<Name?>(
    "name", "The check to make.", example: "repository", isRequired: true)
  public static let frequency = OptionKey<CheckFrequency>(
    "frequency", "How much time must have passed since the check was last made: a number and a unit, or 'always'.",
    default: .always, example: "2 weeks")
  public static let onlyRunOn = OptionKey<[Weekdays]>(
    "only_run_on", "The days of the week to make the check on; also 'weekday' and 'weekend'.", example: "[Saturday]")
  public static let countTolerance = OptionKey<Double?>(
    "count_tolerance_percentage", "By how much the number of files may differ for 'spot'.", in: NumberRange.percentages,
    example: "10")
  public static let dataSample = OptionKey<Double?>(
    "data_sample_percentage", "How many of the files 'spot' compares.", in: NumberRange.percentages,
    example: "1")
  public static let dataTolerance = OptionKey<Double?>(
    "data_tolerance_percentage", "How many of the compared files may differ.", in: NumberRange.percentages,
    example: "0.5")

  public static let maxDuration = OptionKey<Int?>(
    "max_duration", "Seconds after which the check stops; the next one goes on from there until all was looked at.",
    in: NumberRange.seconds, example: "3600",
    support: .differently("also for archives and data; what was looked at is not looked at again"))

  static let entry = OptionSchema(
    "Checks",
    [
      name.option, frequency.option, onlyRunOn.option, maxDuration.option, countTolerance.option,
      dataSample.option, dataTolerance.option,
      .borg("xxh64sum_command", .text, instead: "Files are hashed by Coffer itself"),
    ])

  public static let schema = OptionSchema("Checks", [checks.option, last.option, repositories.option])
}
