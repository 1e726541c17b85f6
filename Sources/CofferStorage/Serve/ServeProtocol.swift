import CofferSystem

/// What `coffer serve` and its clients say to each other; Documentation/serve-protocol.md has it in words.
enum ServeProtocol {
  /// Versions that this program speaks.
  static let versions: ClosedRange<UInt16> = 1...3
  /// The first version in which a list can wait for other requests.
  static let orderedVersion: UInt16 = 2
  /// The first version in which it can be asked what is in a folder without being listed.
  static let unlistedVersion: UInt16 = 3
  /// What every hello begins with.
  static let magic: [UInt8] = Array("coffer serve\n".utf8)
  /// The id of the hello and what answers it; requests have others.
  static let greetingID: UInt32 = 0

  /// Bytes of a frame's payload at most, in both directions.
  static let payloadLimit = 1 << 20
  /// Bytes of an object that one frame carries.
  static let pieceSize = 1 << 18
  /// Bytes of a page of names, beyond which the next one begins.
  static let pageSize = 1 << 18
  /// Requests that a client may have under way.
  static let requestLimit = 64
  /// Frames of one request that may wait at the server before it reads no more.
  static let inboxLimit = 4
  /// Bytes of an object at most.
  static let objectLimit = 1 << 40
  /// Bytes of one text at most.
  static let textLimit = 1 << 16

  /// Types of frames that a client sends.
  enum Request: UInt8 {
    case hello = 1
    case makePlace, put, piece, get, status, list, entries, unfinished, remove, delete
    /// Asks for the next page.
    case more
    /// Nothing more of this request is wanted.
    case stop
    case unlisted
  }

  /// Types of frames that a server sends.
  enum Answer: UInt8 {
    case welcome = 65
    case done, failed, status
    /// Part of an object.
    case piece
    /// A page after which there may be another one, on demand.
    case page
    /// The request is being worked on; nothing else has been sent for a while.
    case working

    var isLast: Bool { self != .piece && self != .page && self != .working }
  }
}

/// Puts a payload together: numbers with their highest byte first, texts with their length in front.
struct PayloadWriter {
  private(set) var bytes: [UInt8] = []

  init(_ bytes: [UInt8] = []) {
    self.bytes = bytes
  }

  mutating func add<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
  }

  /// Adds a text, cut off where it is longer than any may be.
  mutating func add(_ text: String) {
    let text = text.utf8.prefix(ServeProtocol.textLimit)
    add(UInt32(text.count))
    bytes.append(contentsOf: text)
  }
}

/// Takes a payload apart.
struct PayloadReader {
  /// It does not hold what it should.
  struct Malformed: Error, Equatable {}

  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) {
    rest = bytes[...]
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// - Throws: `Malformed` when bytes are left.
  func end() throws(Malformed) {
    guard rest.isEmpty else { throw Malformed() }
  }

  mutating func bytes(_ count: Int) throws(Malformed) -> ArraySlice<UInt8> {
    guard count >= 0, count <= rest.count else { throw Malformed() }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(Malformed) -> Number {
    try bytes(Number.bitWidth / 8).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  /// A number of bytes of an object, or a place in one.
  mutating func size() throws(Malformed) -> Int {
    let number = try number(UInt64.self)
    guard number <= UInt64(ServeProtocol.objectLimit) else { throw Malformed() }
    return Int(number)
  }

  /// What is no UTF-8 in it becomes U+FFFD, which no name of an object has.
  mutating func text() throws(Malformed) -> String {
    let count = try number(UInt32.self)
    guard count <= ServeProtocol.textLimit else { throw Malformed() }
    return String(decoding: try bytes(Int(count)), as: UTF8.self)
  }
}
