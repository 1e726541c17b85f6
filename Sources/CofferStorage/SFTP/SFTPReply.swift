import CofferSystem

/// What a server answers (draft-ietf-secsh-filexfer-02, section 7).
enum SFTPReply: Sendable, Equatable {
  case status(SFTPStatus)
  case handle(SFTPHandle)
  case data(ArraySlice<UInt8>)
  case names([SFTPEntry])
  case attributes(SFTPAttributes)
  case extended([UInt8])

  /// The type of a server's first packet.
  static let version: UInt8 = 2

  /// Bytes of a handle at most (section 6.3).
  private static let handleLimit = 256

  init(type: UInt8, payload: [UInt8]) throws(SFTPReader.Malformed) {
    var reader = SFTPReader(payload)
    switch type {
    case 101: self = .status(try SFTPStatus(&reader))
    case 102:
      let handle = try reader.string()
      guard handle.count <= Self.handleLimit else {
        throw SFTPReader.Malformed(reason: "a handle of \(handle.count) bytes")
      }
      self = .handle(Array(handle))
    case 103: self = .data(try reader.string())
    case 104: self = .names(try Self.names(&reader))
    case 105: self = .attributes(try SFTPAttributes(&reader))
    case 201: self = .extended(payload)
    default: throw SFTPReader.Malformed(reason: "an answer of type \(type)")
    }
  }

  private static func names(_ reader: inout SFTPReader) throws(SFTPReader.Malformed) -> [SFTPEntry] {
    let count = Int(try reader.uint32())
    // Two empty strings and attributes without any field.
    guard count <= reader.rest / 12 else {
      throw SFTPReader.Malformed(reason: "\(count) names in \(reader.rest) bytes")
    }
    var names: [SFTPEntry] = []
    names.reserveCapacity(count)
    for _ in 0..<count { names.append(try SFTPEntry(&reader)) }
    return names
  }
}

/// What is in a folder.
struct SFTPEntry: Sendable, Equatable {
  let name: [UInt8]
  let attributes: SFTPAttributes

  init(name: [UInt8], attributes: SFTPAttributes) {
    self.name = name
    self.attributes = attributes
  }

  /// - Throws: `Malformed` also for names that no folder can hold: empty ones, and such with a slash or a zero.
  init(_ reader: inout SFTPReader) throws(SFTPReader.Malformed) {
    name = Array(try reader.string())
    guard !name.isEmpty, !name.contains(0), !name.contains(UInt8(ascii: "/")) else {
      throw SFTPReader.Malformed(reason: "a name that no folder can hold")
    }
    // For people.
    _ = try reader.string()
    attributes = try SFTPAttributes(&reader)
  }
}

/// How a request went.
struct SFTPStatus: Sendable, Equatable {
  /// Codes of section 7, and those of later versions of the protocol that say more of a failure.
  enum Code: UInt32, Sendable {
    case ok = 0
    case end = 1
    case noSuchFile = 2
    case permissionDenied = 3
    case failure = 4
    case badMessage = 5
    case noConnection = 6
    case connectionLost = 7
    case unsupported = 8
    case noSuchPath = 10
    case exists = 11
    case writeProtected = 12
    case noSpace = 14
    case quotaExceeded = 15
  }

  /// Codes that are not known are failures.
  let code: Code
  /// In the server's words; may be empty.
  let message: String

  /// Bytes of a message that are kept.
  private static let messageLimit = 500

  init(_ code: Code, _ message: String = "") {
    self.code = code
    self.message = message
  }

  init(_ reader: inout SFTPReader) throws(SFTPReader.Malformed) {
    code = Code(rawValue: try reader.uint32()) ?? .failure
    // Some servers leave the words out.
    message = reader.isAtEnd ? "" : String(decoding: try reader.string().prefix(Self.messageLimit), as: UTF8.self)
  }

  /// The message, or what the code stands for.
  var reason: String {
    switch code {
    case _ where !message.isEmpty: message
    case .ok: "Success"
    case .end: "End of file"
    case .noSuchFile, .noSuchPath: "No such file"
    case .permissionDenied: "Permission denied"
    case .failure: "Failure"
    case .badMessage: "Bad message"
    case .noConnection: "No connection"
    case .connectionLost: "Connection lost"
    case .unsupported: "Operation unsupported"
    case .exists: "File exists"
    case .writeProtected: "Write protected"
    case .noSpace: "No space left"
    case .quotaExceeded: "Quota exceeded"
    }
  }
}

/// What a server can take at once; zero stands for whatever there is.
struct SFTPLimits: Sendable, Equatable {
  /// Bytes of one read and of one write.
  let read: Int
  let write: Int

  /// What every server takes: packets of 34,000 bytes (section 3).
  static let standard = SFTPLimits(read: 32 << 10, write: 32 << 10)

  /// More than this is not asked for, and less than this would be no server.
  private static let range = smallest...255 << 10
  static let smallest = 4 << 10

  private init(read: Int, write: Int) {
    self.read = read
    self.write = write
  }

  /// Reads the answer to `limits@openssh.com`.
  init(_ payload: [UInt8]) throws(SFTPReader.Malformed) {
    var reader = SFTPReader(payload)
    _ = try reader.uint64()
    read = Self.clamped(try reader.uint64(), Self.standard.read)
    write = Self.clamped(try reader.uint64(), Self.standard.write)
  }

  private static func clamped(_ limit: UInt64, _ standard: Int) -> Int {
    guard limit > 0 else { return standard }
    return min(max(Int(clamping: limit), range.lowerBound), range.upperBound)
  }
}

/// The room of a file system.
struct SFTPRoom: Sendable, Equatable {
  /// Bytes that may still be written.
  let bytes: UInt64
  /// Files that may still be made; nil where the file system does not count them.
  let files: UInt64?

  /// Reads the answer to `statvfs@openssh.com`.
  init(_ payload: [UInt8]) throws(SFTPReader.Malformed) {
    var reader = SFTPReader(payload)
    _ = try reader.uint64()
    let fragment = try reader.uint64()
    _ = (try reader.uint64(), try reader.uint64())
    let available = try reader.uint64().multipliedReportingOverflow(by: fragment)
    bytes = available.overflow ? .max : available.partialValue
    let all = try reader.uint64()
    _ = try reader.uint64()
    let free = try reader.uint64()
    files = all == 0 ? nil : free
  }
}
