import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferHooks

@Suite("How backups stand")
struct StatusTests {
  private let noon = Date(timeIntervalSince1970: 1_800_000_000)

  private func history(_ points: [(hours: Double, bytes: UInt64)]) -> BackupHistory {
    BackupHistory(
      points.enumerated().map { number, point in
        BackupPoint(
          archive: "a\(number)", archiveID: "i\(number)", time: noon + point.hours * 3600, bytes: point.bytes)
      })
  }

  @Test("What a database has grown is told from the backup before, and a day from the first to the last")
  func growth() {
    let three = history([(48, 1300), (0, 1000), (24, 1500)])
    #expect(three.last?.bytes == 1300 && three.growth == -200 && three.growthPerDay == 150)
    #expect(history([(0, 5)]).growth == nil && history([(0, 5)]).growthPerDay == nil)
    #expect(history([(0, 5), (0.5, 9)]).growthPerDay == nil)
    #expect(history([(0, .max), (24, 0)]).growth == -Int.max)
  }

  @Test("The next backup is due by the option, else by the usual distance of past ones, whatever was made by hand")
  func due() {
    let daily = history([(0, 1), (24, 1), (25, 1), (48, 1), (72, 1)])
    #expect(DueDate(after: daily, limit: nil)?.time == noon + 96 * 3600)
    #expect(DueDate(after: daily, limit: nil)?.source == .pastBackups)
    let byOption = DueDate(after: daily, limit: 3600)
    #expect(byOption?.time == noon + 73 * 3600 && byOption?.source == .option)
    #expect(DueDate(after: history([(0, 1), (24, 1)]), limit: nil) == nil)
    #expect(DueDate(after: history([]), limit: 3600) == nil)
  }

  @Test("A backup that is too old is overdue, and so is one that is not there or claims to be of the future")
  func age() {
    let last = history([(0, 1)])
    #expect(BackupAge(of: last, at: noon + 3600).problem(limit: 3600) == nil)
    #expect(BackupAge(of: last, at: noon + 3601).problem(limit: 3600)?.contains("1 h 00 min old") == true)
    #expect(BackupAge(of: last, at: noon + 1e9).problem(limit: nil) == nil)
    #expect(BackupAge(of: history([]), at: noon).problem(limit: 1) == "There is no backup of it")
    let future = BackupAge(of: last, at: noon - 86400)
    #expect(future.seconds == nil && future.problem(limit: 3600)?.contains("lies in the future") == true)
    // Clocks are never quite the same.
    #expect(BackupAge(of: last, at: noon - 5).seconds == 0)
  }

  @Test("A drill that failed after the last proof is told; one before it is not")
  func proofs() {
    let identity = DumpIdentity(hook: "sqlite_databases", database: "shop")
    func status(_ drills: [(Double, Bool)]) -> DatabaseStatus {
      DatabaseStatus(
        identity, .backedUp, history([(0, 1)]),
        drills: drills.map { DatabaseStatus.Drill(dump: identity.path, time: noon + $0.0, isProven: $0.1) }, limit: nil,
        now: noon)
    }
    #expect(status([]).lastProof == nil && !status([]).hasFailedSince)
    #expect(status([(1, true), (2, false)]).lastProof == noon + 1 && status([(1, true), (2, false)]).hasFailedSince)
    #expect(!status([(3, true), (2, false)]).hasFailedSince && status([(2, false)]).hasFailedSince)
  }

  @Test("How long its restore took is said of the last drill that showed a database to restore, and of no other")
  func restoreTime() {
    let identity = DumpIdentity(hook: "sqlite_databases", database: "shop")
    let drills: [(Double, Bool, Double?)] = [(3, false, 7), (2, true, 90), (1, true, 5)]
    func text(_ drills: [(Double, Bool, Double?)]) -> String {
      StatusText.restored(
        DatabaseStatus(
          identity, .backedUp, history([(0, 1)]),
          drills: drills.map {
            DatabaseStatus.Drill(dump: identity.path, time: noon + $0.0, isProven: $0.1, seconds: $0.2)
          }, limit: nil, now: noon))
    }
    #expect(text(drills) == ", restored in 1 min 30 s")
    #expect(text([(1, true, nil)]).isEmpty && text([(1, false, 7)]).isEmpty && text([]).isEmpty)
  }

  @Test("An entry for all databases of a server covers them and its globals, and nothing of another place")
  func covers() {
    func entry(_ name: String, isOpen: Bool = true, label: String? = nil) -> ConfiguredDatabase {
      ConfiguredDatabase(
        identity: DumpIdentity(hook: "postgresql_databases", database: name, hostname: "db", label: label),
        isOpen: isOpen)
    }
    func dump(_ name: String, host: String = "db", globals: Bool = false) -> DumpIdentity {
      DumpIdentity(hook: "postgresql_databases", database: name, hostname: host, isGlobals: globals)
    }
    #expect(entry("all").covers(dump("shop")) && entry("all").covers(dump("globals", globals: true)))
    #expect(!entry("all").covers(dump("shop", host: "db2")) && !entry("all", label: "x").covers(dump("shop")))
    #expect(entry("sh*").covers(dump("shop")) && !entry("sh*").covers(dump("blog")))
    #expect(entry("shop", isOpen: false).covers(dump("shop")) && !entry("shop", isOpen: false).covers(dump("shop2")))
    #expect(!entry("e\u{301}", isOpen: false).covers(dump("\u{e9}")))
  }

  private func page(_ name: String) -> String {
    let identity = DumpIdentity(hook: "mariadb_databases", database: name, label: name)
    let database = DatabaseStatus(
      identity, .backedUp, history([(0, 10), (24, 30)]), drills: [], limit: 3600, now: noon + 48 * 3600)
    let run = RunMemory.Run(
      time: noon, fate: .failed, repositories: [.init(path: name, fate: .failed)], error: name)
    return StatusPage([
      RepositoryStatus(
        configuration: name, path: name, label: name, history: history([(0, 10), (24, 30)]), due: nil,
        databases: [database], logs: [], lastRun: run, overdue: name, now: noon + 48 * 3600)
    ]).html
  }

  @Test("No name becomes markup, leaves an attribute or turns the direction of writing in the page")
  func hostilePage() {
    for name in [
      "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
      "</title><svg onload=x>",
      "a&lt;b", "<\u{301}script>", "\u{202e}gnp.exe", "]]><!--", "\u{1b}]0;x\u{7}", "x\0y\r\nz",
    ] {
      let html = page(name)
      let plain = page("plain")
      // Nothing opens or closes a tag that is not in the page of a plain name.
      for sign: Unicode.Scalar in ["<", ">", "\"", "'"] {
        #expect(
          html.unicodeScalars.count { $0 == sign } == plain.unicodeScalars.count { $0 == sign }, "\(sign) of \(name)")
      }
      #expect(!html.unicodeScalars.contains { $0 == "\u{202e}" || $0 == "\u{1b}" || $0 == "\0" || $0 == "\r" })
      #expect(html.contains(Quoting.html(name)))
    }
    #expect(Quoting.html("a&<>\"'b") == "a&amp;&lt;&gt;&quot;&#39;b")
  }

  @Test("The page loads nothing, runs nothing, and shows sizes as a line")
  func page() {
    let html = page("shop")
    #expect(html.contains("default-src 'none'") && !html.contains("<script") && !html.contains("http://"))
    #expect(html.contains("<polyline points=\"4.0,41.3 316.0,4.0\"/>"), "\(html)")
    #expect(html.contains("2 backups are overdue") && html.contains("Last run: FAILED"))
    #expect(SizeChart(history([(0, 1)])).svg == "")
    // Sizes that a hostile archive claims, and backups of the same moment, draw something.
    #expect(!SizeChart(history([(0, .max), (0, .max)])).svg.contains("nan"))
    #expect(!SizeChart(history([(0, 0), (0, 0)])).svg.contains("nan"))
  }
}
