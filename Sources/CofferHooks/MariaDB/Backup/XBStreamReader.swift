import CofferSystem

/// Takes what an xbstream holds, in its order. Several files may be on their way at a time.
protocol XBStreamReceiver: AnyObject {
  /// A file begins.
  ///
  /// - Parameter isReplacing: Whether one of the name that is there already is to go.
  func begin(_ path: [EntryName], isReplacing: Bool) throws
  /// The next bytes of a file that was begun.
  func take(_ bytes: UnsafeRawBufferPointer, of path: [EntryName]) throws
  /// What comes next of the file belongs elsewhere in it.
  func move(_ path: [EntryName], to position: UInt64) throws
  /// A file is whole.
  func end(_ path: [EntryName]) throws
  /// A file is gone. It need not have been there: the server tells what was done while the backup was made.
  func remove(_ path: [EntryName]) throws
  /// A file has another name, in the place of what had that. It need not have been there.
  func rename(_ path: [EntryName], to other: [EntryName]) throws
}

/// Reads an xbstream as it comes, holding no more of it than a header.
///
/// What mariadb-backup writes with `--stream`: chunks, each `XBSTCK01`, flags (1), type (1), length of the path (4) and the path. A chunk of
/// type P has behind it length (8), place in the file (8), CRC-32 (4) and the bytes; E ends a file; S has the place (8) where its next
/// bytes belong. D takes a file away, and R, with a second path, renames it. Numbers are little-endian. Flag 2 says that the file
/// replaces another of its name.
final class XBStreamReader: ByteSink {
  private enum State {
    case header
    case path(type: UInt8, flags: UInt8)
    case payload(path: [EntryName], isReplacing: Bool)
    case seek([EntryName])
    case otherLength([EntryName])
    case otherPath([EntryName])
    case content(path: [EntryName], left: UInt64, checksum: UInt32)
  }

  private let receiver: any XBStreamReceiver
  private var state = State.header
  /// Of what the state wants.
  private var wanted = headerSize
  private var gathered: [UInt8] = []
  private var sum = CRC32()
  /// How far each file has come that has begun and not ended.
  private var open: [[EntryName]: UInt64] = [:]
  /// In the stream.
  private var position: UInt64 = 0

  private static let magic = Array("XBSTCK01".utf8)
  private static let headerSize = 14
  /// Length, place and checksum.
  private static let payloadSize = 20
  /// FN_REFLEN of the server's source: longer paths mbstream refuses.
  private static let pathLimit = 512
  /// mariadb-backup has one for each thread that copies, and the log's.
  private static let openLimit = 4096
  private static let sizeLimit: UInt64 = 1 << 56
  private static let replaces: UInt8 = 2

  init(_ receiver: any XBStreamReceiver) {
    self.receiver = receiver
  }

  /// - Throws: `XBStreamError`; what the receiver throws.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let size: Int
      if case .content(let path, let left, let checksum) = state {
        size = Int(min(left, UInt64(rest.count)))
        try take(UnsafeRawBufferPointer(rebasing: rest[..<size]), of: path, left, checksum)
      } else {
        size = min(wanted - gathered.count, rest.count)
        gathered += rest.prefix(size)
      }
      position += UInt64(size)
      rest = UnsafeRawBufferPointer(rebasing: rest[size...])
      // More than one step where a payload is empty.
      while gathered.count == wanted, wanted > 0 { try advance() }
    }
  }

  /// - Throws: `XBStreamError` unless every file has come to its end.
  func finish() throws(XBStreamError) {
    guard case .header = state, gathered.isEmpty else { throw refusal("it ends within a chunk") }
    if let path = open.keys.first { throw refusal("it ends within the file '\(Self.title(path))'") }
    guard position > 0 else { throw refusal("it is empty") }
  }

  private func take(_ bytes: UnsafeRawBufferPointer, of path: [EntryName], _ left: UInt64, _ checksum: UInt32) throws {
    sum.update(bytes)
    try receiver.take(bytes, of: path)
    let left = left - UInt64(bytes.count)
    state = .content(path: path, left: left, checksum: checksum)
    if left == 0 { try endContent(path, checksum) }
  }

  private func endContent(_ path: [EntryName], _ checksum: UInt32) throws(XBStreamError) {
    guard sum.value == checksum else { throw refusal("the checksum of a part of '\(Self.title(path))' is wrong") }
    next(.header, Self.headerSize)
  }

  private func next(_ state: State, _ wanted: Int) {
    self.state = state
    self.wanted = wanted
  }

  /// Goes on behind what was gathered.
  private func advance() throws {
    let bytes = gathered
    gathered.removeAll(keepingCapacity: true)
    switch state {
    case .header:
      guard bytes.starts(with: Self.magic) else { throw refusal("it has no chunk where one should be") }
      next(.path(type: bytes[9], flags: bytes[8]), try pathLength(bytes[10...]))
    case .path(let type, let flags): try begin(type, flags, try path(bytes))
    case .payload(let path, let isReplacing): try beginContent(path, isReplacing, bytes)
    case .seek(let path):
      let place = Self.number(bytes[...])
      guard place <= Self.sizeLimit else { throw refusal("a part of '\(Self.title(path))' is nowhere") }
      open[path] = place
      try receiver.move(path, to: place)
      next(.header, Self.headerSize)
    case .otherLength(let path): next(.otherPath(path), try pathLength(bytes[...]))
    case .otherPath(let path):
      try receiver.rename(path, to: try self.path(bytes))
      next(.header, Self.headerSize)
    case .content: break
    }
  }

  private func begin(_ type: UInt8, _ flags: UInt8, _ path: [EntryName]) throws {
    switch type {
    case UInt8(ascii: "P"): next(.payload(path: path, isReplacing: flags & Self.replaces != 0), Self.payloadSize)
    case UInt8(ascii: "E"):
      try beginFile(path, isReplacing: flags & Self.replaces != 0)
      open[path] = nil
      try receiver.end(path)
      next(.header, Self.headerSize)
    case UInt8(ascii: "S"):
      try beginFile(path, isReplacing: flags & Self.replaces != 0)
      next(.seek(path), 8)
    case UInt8(ascii: "D"), UInt8(ascii: "R"):
      guard open[path] == nil else { throw refusal("it takes '\(Self.title(path))' away before its end") }
      if type == UInt8(ascii: "R") { return next(.otherLength(path), 4) }
      try receiver.remove(path)
      next(.header, Self.headerSize)
    default: throw refusal("a chunk is of a type that is not known")
    }
  }

  private func beginFile(_ path: [EntryName], isReplacing: Bool) throws {
    guard open[path] == nil else { return }
    guard open.count < Self.openLimit else { throw refusal("too many files are begun at a time") }
    open[path] = 0
    try receiver.begin(path, isReplacing: isReplacing)
  }

  private func beginContent(_ path: [EntryName], _ isReplacing: Bool, _ bytes: [UInt8]) throws {
    try beginFile(path, isReplacing: isReplacing)
    let (size, place) = (Self.number(bytes[..<8]), Self.number(bytes[8..<16]))
    guard place == open[path], size <= Self.sizeLimit, place <= Self.sizeLimit else {
      throw refusal("a part of '\(Self.title(path))' is missing")
    }
    open[path] = place + size
    sum = CRC32()
    let checksum = UInt32(truncatingIfNeeded: Self.number(bytes[16...]))
    next(.content(path: path, left: size, checksum: checksum), 0)
    if size == 0 { try endContent(path, checksum) }
  }

  // MARK: - Parts

  private func refusal(_ problem: String) -> XBStreamError { XBStreamError(position: position, problem: problem) }

  private func pathLength(_ bytes: ArraySlice<UInt8>) throws(XBStreamError) -> Int {
    let length = Self.number(bytes)
    guard (1..<UInt64(Self.pathLimit)).contains(length) else { throw refusal("a path is too long, or empty") }
    return Int(length)
  }

  private func path(_ bytes: [UInt8]) throws(XBStreamError) -> [EntryName] {
    guard let path = EntryName.path(bytes), !path.isEmpty else {
      throw refusal("'\(Quoting.terminal(String(decoding: bytes, as: UTF8.self)))' is no path below a folder")
    }
    return path
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func title(_ path: [EntryName]) -> String {
    Quoting.terminal(path.joined)
  }
}

/// An xbstream that is not what it should be.
struct XBStreamError: DiagnosableError, Equatable {
  /// In bytes, of what was read when it was seen.
  let position: UInt64
  let problem: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "base backup", problem: "Its stream cannot be laid down: \(problem) (at byte \(position))",
      suggestion: "Use another archive")
  }
}
