import CofferSystem
import Glibc

/// What a server that is to recover is told in its `postgresql.auto.conf`.
public struct RecoverySettings: Sendable, Equatable {
  public var target: RecoveryTarget
  /// Whether what is at the target is replayed, too.
  public var isInclusive: Bool
  public var timeline: RecoveryTimeline
  /// What brings a segment: a command line for a shell, of which no word is PostgreSQL's `%f` or `%p` yet.
  public var command: [String]

  public init(target: RecoveryTarget, isInclusive: Bool, timeline: RecoveryTimeline, command: [String]) {
    self.target = target
    self.isInclusive = isInclusive
    self.timeline = timeline
    self.command = command
  }

  /// The lines, to be added to a file whose own end may be without a line break. What an earlier recovery has left there is
  /// overruled: two targets are an error, and an empty one is none.
  public func text(time: String) -> String {
    let lines: [(String, String)] =
      [
        ("restore_command", restoreCommand), ("recovery_target_timeline", timeline.text),
        ("recovery_target_inclusive", isInclusive ? "on" : "off"), ("recovery_target_action", "pause"),
        ("recovery_target", ""),
      ] + targets + [
        // What is tried here must not go into the log of the server that goes on elsewhere, nor take anything out of it.
        ("archive_mode", "off"), ("archive_cleanup_command", ""), ("recovery_end_command", ""),
        ("recovery_min_apply_delay", "0"),
      ]
    return "\n# Added by coffer restore --cluster, \(time)\n"
      + lines.map { "\($0) = \(Quoting.serverSetting($1))\n" }.joined()
  }

  private var targets: [(String, String)] {
    var values = ["time": "", "lsn": "", "name": "", "xid": ""]
    switch target {
    case .end: break
    case .time(let time): values["time"] = time.settingText
    case .position(let position): values["lsn"] = position.text
    case .name(let name): values["name"] = name
    case .transaction(let number): values["xid"] = String(number)
    }
    // The server takes even an empty one amiss behind one that is set.
    return values.sorted { ($0.value.isEmpty ? 0 : 1, $0.key) < ($1.value.isEmpty ? 0 : 1, $1.key) }
      .map { ("recovery_target_\($0.key)", $0.value) }
  }

  /// PostgreSQL puts the segment's name and the place for it in, and takes two signs of per cent for one.
  private var restoreCommand: String {
    command.map { Quoting.shellWord($0).swapping("%", for: "%%") }.joined(separator: " ") + " %f %p"
  }
}

extension RecoveryTime {
  /// In UTC, whatever the server's time zone.
  public var settingText: String {
    let rest = (microseconds % 1_000_000 + 1_000_000) % 1_000_000
    var (seconds, parts) = (time_t((microseconds - rest) / 1_000_000), tm())
    gmtime_r(&seconds, &parts)
    return String(
      printf: "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1,
      Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec), Int(rest))
  }
}
