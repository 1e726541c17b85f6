import CofferActions
import Testing

@testable import CofferConfiguration

@Suite("What numbers may be")
struct NumberRangeTests {
  @Test(
    "A number that makes no sense is refused with its place and what it may be",
    arguments: [
      ("retries: -1", 10, "retries", "from 0 to 1000000", "-1"),
      ("retry_wait: -5", 13, "retry_wait", "from 0 to 31622400", "-5"),
      ("retry_wait: 9223372036854775807", 13, "retry_wait", "from 0 to 31622400", "9223372036854775807"),
      ("dump_retries: -2", 15, "dump_retries", "from 0 to 1000000", "-2"),
      ("dump_retry_wait: -1", 18, "dump_retry_wait", "from 0 to 31622400", "-1"),
      ("dump_stall_timeout: -600", 21, "dump_stall_timeout", "from 0 to 31622400", "-600"),
      ("dump_time_limit: -1", 18, "dump_time_limit", "from 0 to 31622400", "-1"),
      ("unlock_timeout: -900", 17, "unlock_timeout", "from 0 to 31622400", "-900"),
      ("parallel_dumps: 0", 17, "parallel_dumps", "from 1 to 1000000", "0"),
      ("check_last: -1", 13, "check_last", "from 0 to 1000000", "-1"),
      ("keep_daily: -2", 13, "keep_daily", "from -1 to 1000000000", "-2"),
      ("upload_rate_limit: -100", 20, "upload_rate_limit", "from 0 to 1073741824", "-100"),
      ("download_rate_limit: -1", 22, "download_rate_limit", "from 0 to 1073741824", "-1"),
      ("stall_limit: 0", 14, "stall_limit", "from 10 to 31622400", "0"),
    ])
  func refused(_ line: String, _ column: Int, _ name: String, _ range: String, _ value: String) {
    #expect(
      problems(minimal + line + "\n") == [
        "/c.yaml:3:\(column): Option '\(name)' must be a whole number \(range), found '\(value)'. "
          + "Write a number \(range)"
      ])
  }

  @Test("Numbers in entries and parts of numbers are held to it, too")
  func nested() {
    #expect(
      problems(minimal + "postgresql_databases:\n  - {name: a, port: 65536, dump_retries: -1}\n") == [
        "/c.yaml:4:23: Option 'port' must be a whole number from 1 to 65535, found '65536'. "
          + "Write a number from 1 to 65535",
        "/c.yaml:4:44: Option 'dump_retries' must be a whole number from 0 to 1000000, found '-1'. "
          + "Write a number from 0 to 1000000",
      ])
    #expect(
      problems(minimal + "checks:\n  - {name: spot, data_sample_percentage: 100.5}\n") == [
        "/c.yaml:4:42: Option 'data_sample_percentage' must be a number from 0 to 100, found '100.5'. "
          + "Write a number from 0 to 100"
      ])
  }

  @Test("Both ends are in")
  func ends() throws {
    let root = try load(
      minimal + "retries: 1000000\nretry_wait: 0\nkeep_daily: -1\nparallel_dumps: 1\nstall_limit: 10\n"
        + "upload_rate_limit: 0\nchecks: [{name: spot, data_sample_percentage: 100, data_tolerance_percentage: 0}]\n"
    ).root
    #expect(root[RunOptions.retries] == 1_000_000)
    #expect(root[RetentionOptions.daily] == -1)
    #expect(root[RemoteOptions.stallLimit] == 10)
    #expect(root[CheckOptions.checks]?[0][CheckOptions.dataSample] == 100)
  }

  @Test("No number is read that does not say what it may be")
  func everyNumber() {
    func without(_ options: [Option], in place: String) -> [String] {
      options.flatMap { option -> [String] in
        switch option.support {
        case .ignored, .refused: return []
        case .works, .differently, .own, .planned: break
        }
        switch option.kind {
        case .integer, .number, .list(.integer), .list(.number):
          return option.format == nil && option.choices.isEmpty ? [place + option.name] : []
        case .section(let schema?), .list(.section(let schema?)):
          return without(schema.options, in: "\(place)\(option.name).")
        default: return []
        }
      }
    }
    let found = without(OptionCatalogue.standard.top.options, in: "")
    #expect(found == [], "declare them with 'in:' and one of NumberRange's")
  }
}
