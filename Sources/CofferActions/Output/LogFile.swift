import CofferConfiguration
import CofferSystem
import Foundation
import Synchronization

/// A file that what is said is added to.
final class LogFile: ConsoleSink {
  private let path: String
  private let verbosity: Int
  private let format: String
  private let clock: Clock
  private let file: FileDescriptor
  /// Lines of several threads must not mix.
  private let turn = Mutex(())

  /// - Throws: `SystemError` when the file cannot be opened.
  init(_ path: String, verbosity: Int, format: String, clock: Clock) throws(SystemError) {
    self.path = path
    self.verbosity = verbosity
    self.format = format
    self.clock = clock
    file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
  }

  func take(_ text: String, level: Int) {
    guard level <= verbosity else { return }
    let line = LogLine(text, verbosity: level).formatted(format, at: clock.now()) + "\n"
    turn.withLock { _ in
      // A log that cannot be written must not end a backup.
      try? Array(line.utf8).withUnsafeBytes { try file.writeAll($0, subject: path) }
    }
  }
}

/// The log of the machine.
struct SystemLog: ConsoleSink {
  let verbosity: Int

  func take(_ text: String, level: Int) {
    guard level <= verbosity else { return }
    let line = LogLine(text, verbosity: level)
    withVaList([line.message]) { vsyslog(line.level.priority | LOG_USER, "coffer: %s", $0) }
  }
}

extension CommandRun {
  /// The logs that a configuration file wants; an error for each that cannot be had.
  static func logs(
    of root: ConfigurationSection, _ surroundings: Surroundings
  ) -> (sinks: [any ConsoleSink], failures: [SystemError]) {
    var sinks: [any ConsoleSink] = []
    var failures: [SystemError] = []
    if let path = root[OutputOptions.logFile] {
      do throws(SystemError) {
        sinks.append(
          try LogFile(
            path, verbosity: root[OutputOptions.logFileVerbosity] ?? 1,
            format: root[OutputOptions.logFileFormat] ?? LogLine.standardFormat, clock: surroundings.clock))
      } catch {
        failures.append(error)
      }
    }
    let level = root[OutputOptions.syslogVerbosity] ?? -2
    if level > -2 { sinks.append(SystemLog(verbosity: level)) }
    return (sinks, failures)
  }
}
