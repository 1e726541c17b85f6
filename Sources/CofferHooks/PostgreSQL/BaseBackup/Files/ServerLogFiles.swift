import CofferSystem
import Glibc

/// The files of a running server's log that a base backup needs: the segments from its beginning to its end, and the history of the
/// timelines.
final class ServerLogFiles {
  private let folder: Folder
  private let exponent: UInt8
  private var names: ArraySlice<WALFileName>
  private var opened: (file: ServerFile, name: WALFileName)?

  /// - Parameters:
  ///   - data: The server's data directory.
  ///   - end: The last byte is the one before it.
  /// - Throws: `ServerFolderError`; `SystemError`.
  init(
    of data: Folder, from start: LogSequenceNumber, to end: LogSequenceNumber, exponent: UInt8
  ) throws {
    self.exponent = exponent
    let log = ServerFileWalk.log
    let isLink = try data.status(of: log).st_mode & S_IFMT == S_IFLNK
    folder =
      isLink ? try ServerFileWalk.linked(data.link(log).target, owner: data.status().st_uid) : try data.folder(log)
    var segments: [UInt64: [WALFileName]] = [:]
    var histories: [WALFileName] = []
    for name in try folder.names().compactMap({ WALFileName($0.description) }) {
      switch name {
      case .segment(_, let number): segments[number, default: []].append(name)
      case .history: histories.append(name)
      case .partial, .backup: break
      }
    }
    var needed: [WALFileName] = []
    let last = (max(end.value, start.value + 1) - 1) >> UInt64(exponent)
    for number in (start.value >> UInt64(exponent))...last {
      let position = LogSequenceNumber(number << UInt64(exponent))
      guard let found = segments[position.segmentNumber(exponent: exponent)] else {
        throw ServerFolderError.logRemoved(segment: position.text)
      }
      needed += found
    }
    names = (needed + histories)[...]
  }

  /// The next file.
  ///
  /// - Returns: nil behind the last.
  /// - Throws: `ServerFolderError`; `SystemError`.
  func next() throws -> ServerFile? {
    try checkOpened()
    guard let name = names.popFirst() else { return nil }
    let entry = EntryName(name.text)
    guard let file = try ServerFile(entry, in: folder, path: "pg_wal/\(name.text)") else {
      throw ServerFolderError.logRemoved(segment: name.text)
    }
    if case .segment(_, let number) = name {
      var header = [UInt8](repeating: 0, count: WALPageHeader.size)
      try header.withUnsafeMutableBytes { try file.read(from: 0, into: $0) }
      guard file.size == 1 << UInt64(exponent), header.withUnsafeBytes({ WALPageHeader($0) })?.number == number else {
        throw ServerFolderError.logRemoved(segment: name.text)
      }
    }
    opened = (file, name)
    return file
  }

  /// A segment that the server needs no more gets the name of a later one, and only then is written to: what still has its own name was
  /// whole as it was read.
  private func checkOpened() throws {
    guard let (file, name) = opened else { return }
    opened = nil
    guard try file.isStillCalled(EntryName(name.text), in: folder) else {
      throw ServerFolderError.logRemoved(segment: name.text)
    }
  }
}
