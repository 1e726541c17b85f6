import CofferHooks
import CofferSystem
import FoundationEssentials
import Glibc

/// How backups stand, as one page for browsers: no script, nothing that is loaded from elsewhere. Names are others' and stand
/// in it as text.
struct StatusPage {
  private let statuses: [RepositoryStatus]

  init(_ statuses: [RepositoryStatus]) {
    self.statuses = statuses
  }

  /// Writes the page in one step, so that a browser finds the old one or the new one. A new file is for its owner; one that is
  /// there keeps who may read it.
  ///
  /// - Throws: `UntrustedPlace`; `SystemError`.
  func write(to path: String) throws {
    let place = try FilePlace(path)
    var mode: mode_t = 0o600
    do throws(SystemError) {
      let facts = try place.folder.status(of: place.name)
      if facts.st_mode & S_IFMT == S_IFREG { mode = facts.st_mode & 0o777 }
    } catch {
      guard error.code == ENOENT else { throw error }
    }
    try place.folder.replace(place.name, with: Array(html.utf8), mode: mode)
  }

  var html: String {
    let overdue = statuses.reduce(0) { $0 + $1.problems.count }
    let summary =
      overdue > 0 ? "\(overdue) backup\(overdue == 1 ? " is" : "s are") overdue" : "No backup is overdue"
    let now = statuses.last.map { Formats.time($0.now) } ?? "-"
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>Backups: \(summary)</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      <h1>Backups</h1>
      <p class="\(overdue > 0 ? "bad" : "good")">\(summary).</p>
      \(statuses.map(Self.section).joined(separator: "\n"))
      <p class="small">Made by Coffer \(Program.version) on \(Quoting.html(now)).</p>
      </body>
      </html>

      """
  }

  private static let style = """
    body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
    table { border-collapse: collapse; width: 100% }
    th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #ddd; vertical-align: middle }
    td { overflow-wrap: anywhere }
    .number { text-align: right; white-space: nowrap }
    .bad { color: #b00020; font-weight: 600 } .good { color: #1b6e2d } .small { color: #666; font-size: 13px }
    svg { width: 16rem; height: 3.2rem; display: block }
    polyline { fill: none; stroke: #2a5db0; stroke-width: 1.5 } circle { fill: #2a5db0 } line { stroke: #ccc }
    @media (prefers-color-scheme: dark) {
      body { color: #ddd; background: #181818 } th, td { border-color: #444 } line { stroke: #555 }
      .bad { color: #ff8a8a } .good { color: #7fd08f } .small { color: #999 }
      polyline { stroke: #8ab4f8 } circle { fill: #8ab4f8 }
    }
    """

  private static func section(_ status: RepositoryStatus) -> String {
    let whole = row(
      "All of it", status.history, status.due, proof: "-", state: status.overdue.map { "Overdue: \($0)" } ?? "ok",
      isBad: status.overdue != nil, status)
    let rows = status.databases.map { database in
      row(
        database.identity.title, database.history, database.due, proof: proof(database, status),
        state: database.overdue.map { "Overdue: \($0)" } ?? StatusText.state(database),
        isBad: database.overdue != nil, status)
    }
    let run = StatusText.lastRun(status).map { "<p>\(Quoting.html($0)).</p>" } ?? ""
    let heads = ["Backup of", "Last good", "Age", "Size", "Growth", "Next due", "Proven", "Sizes over time", "State"]
    return """
      <h2>\(Quoting.html(status.name))</h2>
      <p class="small">\(Quoting.html(status.path)), for \(Quoting.html(status.configuration))</p>
      \(run)\(logs(status))
      <table>
      <tr>\(heads.map { "<th>\($0)</th>" }.joined())</tr>
      \(([whole] + rows).joined(separator: "\n"))
      </table>
      """
  }

  private static func logs(_ status: RepositoryStatus) -> String {
    status.logs.map { "\n<p class=\"\($0.problem == nil ? "" : "bad")\">\(Quoting.html(StatusText.log($0))).</p>" }
      .joined()
  }

  private static func proof(_ database: DatabaseStatus, _ status: RepositoryStatus) -> String {
    let last = database.lastProof.map { Formats.time($0) + StatusText.restored(database) } ?? "never"
    return database.hasFailedSince ? "\(last); a later try failed" : last
  }

  private static func row(
    _ title: String, _ history: BackupHistory, _ due: DueDate?, proof: String, state: String, isBad: Bool,
    _ status: RepositoryStatus
  ) -> String {
    let texts = [
      (title, ""), (history.last.map { Formats.time($0.time) } ?? "never", ""),
      (StatusText.age(of: history, at: status.now), "number"),
      (history.last.map { Formats.size($0.bytes) } ?? "-", "number"),
      (history.growth.map(StatusText.signed) ?? "-", "number"), (StatusText.due(due) ?? "-", ""), (proof, ""),
    ]
    let cells = texts.map { "<td class=\"\($0.1)\">\(Quoting.html($0.0))</td>" }.joined()
    return "<tr>\(cells)<td>\(SizeChart(history).svg)</td>"
      + "<td class=\"\(isBad ? "bad" : "")\">\(Quoting.html(state))</td></tr>"
  }
}
