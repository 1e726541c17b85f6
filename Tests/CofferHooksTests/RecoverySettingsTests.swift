import CofferSystem
import Testing

@testable import CofferHooks

@Suite("What a server that recovers is told")
struct RecoverySettingsTests {
  @Test(
    "Every setting is there, and what is quoted comes back: through the configuration file, the signs of per cent, and the shell"
  )
  func text() throws {
    let folder = "/srv/a 'b' \\c%d\nñ"
    let settings = RecoverySettings(
      target: .name("before 'it'"), isInclusive: false, timeline: .number(7),
      command: ["/usr/bin/coffer", "--config", folder, "wal", "get"])
    let text = settings.text(time: "now")
    let expected = """

      # Added by coffer restore --cluster, now
      restore_command = '/usr/bin/coffer --config ''/srv/a ''\\\\''''b''\\\\'''' \\\\c%%d\\nñ'' wal get %f %p'
      recovery_target_timeline = '7'
      recovery_target_inclusive = 'off'
      recovery_target_action = 'pause'
      recovery_target = ''
      recovery_target_lsn = ''
      recovery_target_time = ''
      recovery_target_xid = ''
      recovery_target_name = 'before ''it'''
      archive_mode = 'off'
      archive_cleanup_command = ''
      recovery_end_command = ''
      recovery_min_apply_delay = '0'

      """
    #expect(text == expected)
  }

  @Test("One target is set, and the others are none")
  func targets() {
    let targets: [(RecoveryTarget, String?)] = [
      (.end, nil), (.position(LogSequenceNumber(0x16_b374_d848)), "recovery_target_lsn = '16/B374D848'"),
      (.transaction(77), "recovery_target_xid = '77'"),
      (
        .time(RecoveryTime(microseconds: 1_769_866_267_000_500)),
        "recovery_target_time = '2026-01-31 13:31:07.000500+00'"
      ),
      (.time(RecoveryTime(microseconds: -1)), "recovery_target_time = '1969-12-31 23:59:59.999999+00'"),
    ]
    for (target, line) in targets {
      let lines = RecoverySettings(target: target, isInclusive: true, timeline: .latest, command: ["x"]).text(time: "")
        .lines()
      let set = ["time", "lsn", "name", "xid"].compactMap { name in
        lines.first { $0.begins(with: "recovery_target_\(name) = ") && !$0.ends(with: "= ''") }
      }
      #expect(set == (line.map { [$0] } ?? []))
      #expect(
        lines.contains("recovery_target_inclusive = 'on'") && lines.contains("recovery_target_timeline = 'latest'"))
    }
  }

  @Test("A timeline's history says which parts of which timelines lead to it; what makes no sense is none")
  func history() throws {
    let text = "1\t0/3000000\tno recovery target specified\n\n# a comment\n2\t0/5000148 before 'x'\n"
    let history = try #require(TimelineHistory(of: 4, Array(text.utf8)))
    #expect(history.parts.map(\.timeline) == [1, 2, 4])
    #expect(history.parts.map(\.start.text) == ["0/0", "0/3000000", "0/5000148"])
    #expect(history.parts.map { $0.end?.text } == ["0/3000000", "0/5000148", nil])
    #expect(history.timeline == 4)
    #expect(history.holds(LogSequenceNumber(0x300_0000), of: 1) && !history.holds(LogSequenceNumber(0x300_0001), of: 1))
    #expect(history.holds(LogSequenceNumber(.max), of: 4) && !history.holds(LogSequenceNumber(5), of: 3))
    let owners: [(UInt64, UInt32)] = [
      (0, 1), (0x2ff_ffff, 1), (0x300_0000, 2), (0x500_0147, 2), (0x500_0148, 4), (.max, 4),
    ]
    for (position, timeline) in owners { #expect(history.timeline(at: LogSequenceNumber(position)) == timeline) }
    for wrong in ["x 0/1", "4 0/1", "1 0/5\n2 0/4", "2 0/1\n1 0/2", "0 0/1", "1", "1 5"] {
      #expect(TimelineHistory(of: 4, Array(wrong.utf8)) == nil, "\(wrong)")
    }
    #expect(TimelineHistory(of: 1, [])?.parts == TimelineHistory(of: 1).parts)
  }
}
