import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// `binlog list`: what there is of MariaDB and MySQL servers' binary logs, and what is missing in between.
enum BinlogListAction {
  static let declaration = ActionDeclaration(
    "binlog list", abstract: "Show what there is of MariaDB and MySQL servers' binary logs, and what is missing.",
    discussion: """
      Of each server and history how many slices there are, where the last of them ends, how long ago that came, and every gap. A history ends where the server's log did not \
      lead on. Any key is enough.
      """,
    flags: [SharedFlags.repository, SharedFlags.json], examples: ["coffer binlog list"], run: run)

  private static func run(_ context: ActionContext) throws {
    try SliceList(
      systems: [MariaDBDialect.mariadb.system, MariaDBDialect.mysql.system],
      nothing: "There is no binary log of any server", text: { $0.binaryReach.map(text) },
      json: { $0.binaryReach.map(json) }
    ).tell(context)
  }

  private static func text(_ reach: BinaryLogReach) -> String {
    let time = Formats.time(Date(timeIntervalSince1970: Double(reach.time)))
    return Quoting.terminal("\(reach.file), byte \(reach.end)\(reach.gtid.map { ", GTID \($0)" } ?? "")")
      + ", of \(time)"
  }

  private static func json(_ reach: BinaryLogReach) -> JSONValue {
    .object([
      "file": .text(reach.file), "position": .number(Int(clamping: reach.end)), "gtid": JSONValue(reach.gtid),
      "time": .text(Formats.isoTime(Date(timeIntervalSince1970: Double(reach.time)))),
    ])
  }
}
