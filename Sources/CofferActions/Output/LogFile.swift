import CofferConfiguration
import CofferSystem
import Glibc
import Synchronization

/// A file that what is said is added to. No link and no FIFO is followed or opened that somebody else can have put there.
final class LogFile: ConsoleSink {
  private let verbosity: Int
  private let format: String
  private let clock: Clock
  private let file: FileDescriptor
  /// How many lines could not be written since the last one that was. Lines of several threads must not mix.
  private let lost = Mutex(0)
  private let patience: Int32

  /// - Parameters:
  ///   - path: From the root on.
  ///   - patience: Milliseconds for which a reader of it may hold the run up.
  /// - Throws: `UntrustedPlace`; `SystemError` when the file cannot be opened.
  init(_ path: String, verbosity: Int, format: String, clock: Clock, patience: Int32 = 5000) throws {
    self.verbosity = verbosity
    self.format = format
    self.clock = clock
    self.patience = patience
    file = try FileDescriptor.appending(to: path)
  }

  func take(_ text: String, level: Int) {
    guard level <= verbosity else { return }
    let line = LogRecord(text, verbosity: level).formatted(format, at: clock.now()) + "\n"
    lost.withLock { lost in
      // A log that cannot be written must not end a backup, nor hold it up line by line.
      let gap = lost > 0 ? "\n(\(lost) lines could not be written here)\n" : ""
      let failure = StandardOutput.write(gap + line, to: file.number, patience: lost > 0 ? 0 : patience)
      lost = failure == nil ? 0 : lost + 1
    }
  }
}

/// The log of the machine.
struct SystemLog: ConsoleSink {
  let verbosity: Int

  func take(_ text: String, level: Int) {
    guard level <= verbosity else { return }
    let line = LogRecord(text, verbosity: level)
    for part in line.message.lines() {
      part.withCString { part in
        withVaList([part]) { vsyslog(line.level.priority | LOG_USER, "coffer: %s", $0) }
      }
    }
  }
}

extension CommandRun {
  /// The logs that a configuration file wants; an error for each that cannot be had.
  static func logs(
    of root: ConfigurationSection, _ surroundings: Surroundings
  ) -> (sinks: [any ConsoleSink], failures: [any Error]) {
    var sinks: [any ConsoleSink] = []
    var failures: [any Error] = []
    if let path = root[OutputOptions.logFile] {
      do {
        let whole = UserPath.absolute(path, from: surroundings.currentFolder, home: surroundings.environment.home)
        sinks.append(
          try LogFile(
            whole, verbosity: root[OutputOptions.logFileVerbosity].rawValue,
            format: root[OutputOptions.logFileFormat], clock: surroundings.clock))
      } catch {
        failures.append(error)
      }
    }
    let level = root[OutputOptions.syslogVerbosity].rawValue
    if level > -2 { sinks.append(SystemLog(verbosity: level)) }
    return (sinks, failures)
  }
}
