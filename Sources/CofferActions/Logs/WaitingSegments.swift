import CofferHooks
import CofferRepository
import CofferSystem

/// Segments that a server has finished and not yet been told to be stored, beside one that is pushed: `archive_status` has an empty file
/// `NAME.ready` of each.
struct WaitingSegments: Sendable {
  private let behind: WALFileName
  private let exponent: UInt8
  /// Of the log, and that which says what waits; nil where the file is in no folder of a server's.
  private let folders: (log: Folder, status: Folder)?

  private static let status: EntryName = "archive_status"
  private static let sign = ".ready"

  init(behind file: WALFile) {
    behind = file.name
    exponent = file.exponent
    folders = (try? FilePlace(file.path).folder).flatMap { log in
      (try? log.folder(Self.status)).map { (log, $0) }
    }
  }

  func path(of name: WALFileName) -> String { folders.map { $0.log.path(of: EntryName(name.text)) } ?? name.text }

  /// What is not known to wait comes when the server asks for it.
  func isWaiting(_ name: WALFileName) -> Bool {
    (try? folders?.status.holds(EntryName(name.text + Self.sign))) ?? false
  }

  /// Those that follow the file without a gap, in order.
  func names(atMost count: Int) -> [WALFileName] {
    guard case .segment(let timeline, let number) = behind,
      var place = LogPlace(history: timeline, number: number, exponent: exponent)
    else { return [] }
    var names: [WALFileName] = []
    while names.count < count, let next = place.next {
      let name = WALFileName.segment(timeline: timeline, number: next.number)
      guard isWaiting(name) else { break }
      names.append(name)
      place = next
    }
    return names
  }
}
