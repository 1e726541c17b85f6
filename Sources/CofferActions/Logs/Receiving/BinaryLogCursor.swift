import CofferHooks
import CofferRepository
import CofferSystem

/// A place in a server's binary log.
struct BinaryLogPoint: Comparable {
  let file: BinaryLogFileName
  let position: UInt64

  static func < (left: BinaryLogPoint, right: BinaryLogPoint) -> Bool {
    (left.file.number, left.position) < (right.file.number, right.position)
  }
}

/// Where the binary log of a server goes on in one repository.
typealias BinaryLogCursor = LogCursor<BinaryLogReach>

extension BinaryLogCursor {
  /// - Parameters:
  ///   - own: What the key in use has put of the server's log.
  ///   - taken: The last history of which any key has put something.
  init(_ own: [LogStream], taken: UInt32 = 0) {
    self.init(own, taken: taken) { stream in
      stream.binaryReach.flatMap { $0.end >= BinaryLogFileName.firstEvent ? $0 : nil }
    }
  }

  var mark: LogMark? {
    reach.flatMap { reach in BinaryLogFileName(reach.file).map { LogMark(major: $0.number, minor: reach.end) } }
  }

  /// Whether the repository has all up to a place already.
  func has(_ other: BinaryLogReach) -> Bool {
    guard let reach, let file = BinaryLogFileName(reach.file), let wanted = BinaryLogFileName(other.file) else {
      return false
    }
    return (wanted.number, other.end) <= (file.number, reach.end)
  }

  /// Where the server is to go on.
  ///
  /// - Parameter place: As messages name the server.
  /// - Returns: nil where nothing is stored.
  /// - Throws: `BinaryLogGap` where the server cannot.
  func next(in files: [BinaryLogServer.File], of place: String) throws(BinaryLogGap) -> BinaryLogPoint? {
    guard let reach else { return nil }
    guard let file = BinaryLogFileName(reach.file), let first = files.first, let last = files.last,
      file.isBeside(last.name)
    else { throw .other(place: place, file: reach.file, "it has no files that are called so") }
    if let index = files.firstIndex(where: { $0.name == file }) {
      let same = files[index]
      guard same.size >= reach.end else {
        throw .other(
          place: place, file: reach.file, "\(reach.end) bytes of it are stored, and the server's has \(same.size)")
      }
      // A number that the server has left out its program does not pass over by itself.
      if reach.isWhole, same.size == reach.end, index + 1 < files.count, files[index + 1].name != file.next {
        return BinaryLogPoint(file: files[index + 1].name, position: BinaryLogFileName.firstEvent)
      }
      if reach.end <= BinaryLogServer.lastStart { return BinaryLogPoint(file: file, position: reach.end) }
      guard reach.isWhole, let next = file.next, files.contains(where: { $0.name == next }) else {
        throw .tooFar(place: place, file: reach.file)
      }
      return BinaryLogPoint(file: next, position: BinaryLogFileName.firstEvent)
    }
    guard file.number < last.name.number else {
      throw .other(place: place, file: reach.file, "the server's newest is \(last.name.text)")
    }
    guard reach.isWhole, first.name.number == file.number.addingClamped(1) else {
      throw .purged(place: place, file: reach.file, first: first.name.text)
    }
    return BinaryLogPoint(file: first.name, position: BinaryLogFileName.firstEvent)
  }
}

/// Why a server's binary log does not lead on from what is stored.
enum BinaryLogGap: DiagnosableError, Equatable {
  /// The server has deleted what comes next.
  case purged(place: String, file: String, first: String)
  /// The server's files are others than those that were stored.
  case other(place: String, file: String, String)
  /// No server can be asked for what is so far into a file.
  case tooFar(place: String, file: String)

  private static let leavingGap =
    "Run it once with --leave-gap: the log goes on at what the server has. Make dumps behind that, for those from before the gap lead no "
    + "further than to it"

  var diagnosis: Diagnosis {
    switch self {
    case .purged(let place, let file, let first):
      Diagnosis(
        subject: place,
        problem:
          "The server has deleted binary log that is not stored: \(file) is stored last, and its first file is \(first) now",
        suggestion: "\(Self.leavingGap). Let the server keep its files for longer: binlog_expire_logs_seconds")
    case .other(let place, let file, let text):
      Diagnosis(
        subject: place,
        problem: "The server's binary log is not the one that is stored, which goes on in \(file): \(text)",
        suggestion:
          "It was begun anew (RESET MASTER), the server was restored, or it is another one, which needs an entry of its own. "
          + Self.leavingGap)
    case .tooFar(let place, let file):
      Diagnosis(
        subject: place, problem: "\(file) is stored to behind 4 GiB of it, where a server cannot be asked to go on",
        suggestion: "Run FLUSH BINARY LOGS on the server; then: \(Self.leavingGap)")
    }
  }
}
