import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL dumps that fail", .serialized)
struct PostgreSQLFailedDumpTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  /// Takes the only dump of a configuration, which must fail.
  private func failure(_ entry: String, context: HookContext) throws -> Diagnosis {
    let dump = try #require(hook.dumps(of: try configured(entry), context: context).first)
    do {
      _ = try TakenDump(dump, context: context)
    } catch let error as any DiagnosableError {
      #expect(
        try FileManager.default.subpathsOfDirectory(atPath: context.runtime.path).allSatisfy { !$0.hasSuffix("users") })
      return error.diagnosis
    }
    Issue.record("The dump succeeded")
    return Diagnosis(subject: "", problem: "")
  }

  @Test("A wrong password is told with the database and what to do")
  func wrongPassword() throws {
    let entry = "  - {name: users, hostname: \(one.hostname), port: \(one.port), username: postgres, password: nope}\n"
    let diagnosis = try failure(entry, context: makeContext())
    #expect(diagnosis.subject.contains("'users'"))
    #expect(diagnosis.problem.contains("password authentication failed"))
    #expect(diagnosis.suggestion?.contains("password") == true)
  }

  @Test("A server that is down is told with what to check")
  func serverDown() throws {
    let diagnosis = try failure("  - {name: users, hostname: 127.0.0.1, port: 1}\n", context: makeContext())
    #expect(diagnosis.problem.contains("Connection refused"))
    #expect(diagnosis.suggestion?.contains("server runs") == true)
  }

  @Test("A missing pg_dump is told with the package that has it")
  func missingProgram() throws {
    let diagnosis = try failure("  - {name: users}\n", context: makeContext(path: "/nowhere"))
    #expect(diagnosis.subject == "pg_dump")
    #expect(diagnosis.suggestion?.contains("postgresql-client") == true)
  }

  @Test("A dump program that dies in the middle is told with its signal")
  func killed() throws {
    let program = try standIn("head -c 300000 /dev/zero; kill -9 $$")
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: makeContext())
    #expect(diagnosis.problem.contains("killed by signal 9"))
  }

  @Test("A dump program that dies before it writes anything does not block the run")
  func diesAtOnce() throws {
    let program = try standIn("echo 'no such thing' >&2; exit 3")
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: makeContext())
    #expect(diagnosis.problem.contains("exit status 3: no such thing"))
  }

  @Test("A dump that hangs is ended after the stall limit, with everything it started")
  func stalls() throws {
    let program = try standIn("printf PGDMP; sleep 987654 & sleep 987654")
    let context = try makeContext(limits: DumpLimits(stall: 0.5))
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: context)
    #expect(diagnosis.subject.contains("'users'"))
    #expect(diagnosis.problem.contains("wrote nothing for"))
    let processes = try SystemProcessLauncher().run(
      ChildCommand("ps", ["-e", "-o", "args="], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])))
    #expect(!processes.text.contains("sleep 987654"))
  }

  @Test("A dump into a folder is ended too when it hangs or takes too long, and leaves nothing")
  func folderLimits() throws {
    let writing = "for a; do case $a in */users) mkdir $a; n=$a;; esac; done;"
    for (script, limits, sign) in [
      ("\(writing) echo x >$n/1; sleep 987652", DumpLimits(stall: 0.4), "wrote nothing for"),
      ("\(writing) while true; do echo x >>$n/1; sleep 0.05; done", DumpLimits(stall: 5, total: 0.6), "took more than"),
      ("\(writing) echo x >$n/1; kill -9 $$", DumpLimits(), "killed by signal 9"),
      ("\(writing) echo x >$n/toc.dat", DumpLimits(), "table of contents"),
    ] {
      let entry = "  - {name: users, format: directory, pg_dump_command: \(try standIn(script))}\n"
      #expect(try failure(entry, context: makeContext(limits: limits)).problem.contains(sign))
    }
  }

  @Test("A dump that takes too long is ended even while it writes")
  func tooLong() throws {
    let program = try standIn("while true; do printf PGDMP; sleep 0.05; done")
    let context = try makeContext(limits: DumpLimits(stall: 60, total: 0.5))
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: context)
    #expect(diagnosis.problem.contains("took more than"))
  }

  @Test(
    "An empty dump, and one without its marks, are failures although the program is content",
    arguments: [
      ("exit 0", "custom", "wrote nothing"), ("echo text", "custom", "PGDMP"), ("echo '-- half'", "plain", "complete"),
      ("echo x", "tar", "empty blocks"),
    ])
  func incomplete(script: String, format: String, sign: String) throws {
    let entry = "  - {name: users, format: \(format), pg_dump_command: \(try standIn(script))}\n"
    #expect(try failure(entry, context: makeContext()).problem.contains(sign))
  }

  @Test("A cancelled run ends the dump")
  func cancelled() throws {
    let cancellation = try Cancellation()
    let context = try makeContext(cancellation: cancellation)
    let root = try configured("  - {name: users, pg_dump_command: \(try standIn("sleep 987653"))}\n")
    let dump = try plan(root, context)
    let canceller = try WorkerThread(name: "canceller") {
      usleep(200_000)
      cancellation.cancel()
    }
    #expect(throws: RunCancelled()) { try TakenDump(dump, context: context) }
    canceller.join()
  }

  @Test(
    "A connection that has broken is told as one, whatever statement was under way",
    arguments: [
      "pg_dump: error: connection to server at \"h\", port 5432 failed: server closed the connection unexpectedly",
      "pg_dump: error: query failed: SSL SYSCALL error: EOF detected / pg_dump: detail: Query was: SELECT 'role \"x\" does not exist'",
      "psql: error: FATAL:  the database system is in recovery mode",
      "pg_restore: error: could not execute query: FATAL:  terminating connection due to administrator command",
    ])
  func broken(text: String) {
    #expect(PostgreSQLFailure.suggestion(text)?.contains("ended the connection") == true)
  }

  @Test(
    "What a command writes beside its dump fails it, for no restore takes that",
    arguments: [
      ("plain", "echo 'Welcome!'; pg_dump \"$@\""), ("plain", "pg_dump \"$@\"; echo 'Welcome!'"),
      ("tar", "echo 'Welcome!'; pg_dump \"$@\""), ("custom", "echo 'Welcome!'; pg_dump \"$@\""),
    ])
  func greeting(_ greeting: (format: String, script: String)) throws {
    try prepare()
    let standIn = try standIn("case \"$*\" in *--version*) exec pg_dump \"$@\";; esac; \(greeting.script)")
    let root = try configured(entry("format: \(greeting.format)", "pg_dump_command: \(standIn)"))
    let error = #expect(throws: DumpError.self) { try take(root, makeContext()) }
    #expect(error?.diagnosis.subject.contains(Self.database) == true)
    if greeting.format == "plain" { #expect(error?.diagnosis.problem.contains("'Welcome!'") == true) }
  }

  @Test(
    "A dump whose server is lost as it begins is without nothing: the server is asked once more, and then the dump fails",
    arguments: [["pg_dump"], ["all"], ["globals"]])
  func lostAtOnce(kind: [String]) throws {
    try prepare()
    let context = try makeContext()
    let counter = NSTemporaryDirectory() + "coffer-lost-\(UInt32.random(in: 0 ... .max))"
    defer { unlink(counter) }
    // The psql that is asked for what belongs to the database ends; all others work.
    func root(lost: Int) throws -> ConfigurationSection {
      unlink(counter)
      let psql = try standIn(
        """
        case "$*" in *--version*) exec psql "$@";; esac
        while IFS= read -r line; do
          case $line in *session_role*|*server_version*)
            echo >>\(counter)
            if [ $(wc -l <\(counter)) -le \(lost) ]; then
              echo 'psql: error: server closed the connection unexpectedly' >&2; exit 2
            fi;;
          esac
          printf '%s\\n' "$line"
        done | psql "$@"
        exit 2
        """)
      let name = kind == ["all"] ? "all" : Self.database.replacingOccurrences(of: "\"", with: "\\\"")
      let globals = kind == ["globals"] ? "globals: true" : "globals: false"
      return try configured(one.entry(name, "psql_command: \(psql)", globals))
    }
    let isGlobals = kind == ["globals"]
    let dump = try take(root(lost: 1), context, globals: isGlobals)
    #expect(dump.facts.details["facts"] == nil, "\(dump.facts.details)")
    if kind == ["pg_dump"] { #expect(dump.facts.details["encoding"] == "UTF8") }
    let dumps = try hook.dumps(of: root(lost: 99), context: context)
    let planned = try #require(dumps.first { $0.identity.isGlobals == isGlobals })
    let error = #expect(throws: DumpError.self) { _ = try TakenDump(planned, context: context) }
    #expect(error?.diagnosis.problem.contains("server closed the connection") == true, "\(String(describing: error))")
    #expect(error?.diagnosis.suggestion?.contains("ended the connection") == true && error?.isWorthARetry == true)
  }
}
