import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("MariaDB restores whose connection is lost between what is loaded and what is in place", .serialized)
struct MariaDBLostConnectionTests {
  private let bench: MariaDBBench
  private let context: HookContext
  private let programs: Programs
  private let dump: TakenDump
  private let before: String

  init() throws {
    bench = try MariaDBBench()
    context = try makeContext()
    programs = try Programs()
    try bench.prepare()
    dump = try bench.dump(bench.one.entry(MariaDBBench.database), context: context)
    before = try bench.one.content(of: MariaDBBench.database)
  }

  /// The restore by another program.
  private func plan(_ command: String) throws -> any PlannedRestore {
    let root = try bench.configured(bench.one.entry(MariaDBBench.database, command))
    return try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
  }

  @Test("A connection that is lost as what is there is written down is told, and nobody is told to drop anything")
  func lostWriting() throws {
    let lost = "mariadb-dump: Couldn't execute 'SHOW FUNCTION STATUS': Lost connection to server during query (2013)"
    let program = try programs.make(
      """
      case "$*" in *--force*) ;; *) exec mariadb-dump "$@";; esac
      for word; do shift; [ "$word" = --routines ] || set -- "$@" "$word"; done
      mariadb-dump "$@"; echo "\(lost)" >&2; exit 2
      """)
    let plan = try plan("mariadb_dump_command: \(program)")
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.problem.contains("as it was") && diagnosis.problem.contains("Lost connection"), "\(diagnosis)")
    #expect(diagnosis.suggestion?.contains("drop it") != true, "\(diagnosis)")
    try expectSame(bench.one.content(of: MariaDBBench.database), before)
    try bench.expectNothingLeft()
  }

  @Test("A connection that is lost as rights on routines are asked for ends the restore, which would lose them")
  func lostRights() throws {
    let client = try programs.make(
      """
      case "$*" in *procs_priv*) echo 'ERROR 2013 (HY000) at line 1: Lost connection to server' >&2; exit 1;; esac
      exec mariadb "$@"
      """)
    let plan = try plan("mariadb_command: \(client)")
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.problem.contains("as it was") == true, "\(String(describing: error))")
    try expectSame(bench.one.content(of: MariaDBBench.database), before)
    try bench.expectNothingLeft()
  }

  @Test("What cannot be looked at behind the exchange is told with the reason, and not as a restore that has not been")
  func unseen() throws {
    let mark = NSTemporaryDirectory() + "coffer-exchanged-\(UInt32.random(in: 0 ... .max))"
    defer { unlink(mark) }
    let client = try programs.make(
      """
      case "$*" in *--execute*)
        [ -e \(mark) ] && rm \(mark) && echo 'ERROR 2013 (HY000) at line 1: Lost connection to server' >&2 && exit 1
        exec mariadb "$@";;
      esac
      [ -f /dev/stdin ] || exec mariadb "$@"
      cat >\(mark).sql; mariadb "$@" <\(mark).sql; status=$?
      grep -q '^RENAME TABLE' \(mark).sql && touch \(mark)
      rm \(mark).sql; exit $status
      """)
    let plan = try plan("mariadb_command: \(client)")
    let warnings = try dump.restore(plan, context: context)
    let said = try #require(warnings.first { $0.contains("could not be looked at afterwards") }, "\(warnings)")
    #expect(said.contains("Lost connection") && !said.contains("as it was"), "\(said)")
    try expectSame(bench.one.content(of: MariaDBBench.database), before)
    try bench.expectNothingLeft()
  }
}
