import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// `oplog list`: what there is of MongoDB servers' oplogs, and what is missing in between.
enum OplogListAction {
  static let declaration = ActionDeclaration(
    "oplog list", abstract: "Show what there is of MongoDB servers' oplogs, and what is missing.",
    discussion: """
      Of each server and history how many slices there are, the last entry of them, how long ago that came, and every gap. A history ends where the server's oplog did not \
      lead on. Any key is enough.
      """,
    flags: [SharedFlags.repository, SharedFlags.json], examples: ["coffer oplog list"], run: run)

  private static func run(_ context: ActionContext) throws {
    try SliceList(
      systems: [OplogServer.system], nothing: "There is no oplog of any server",
      text: { stream in
        stream.oplogEnd.map { mark in
          "\(mark.time.text), of \(Formats.time(Date(timeIntervalSince1970: Double(mark.time.seconds))))"
        }
      }, json: { $0.oplogEnd.map { JSONShapes.oplog($0) } }
    ).tell(context)
  }
}
