/// One message of a connection on which many requests are under way: `u32 length, u8 type, u32 id, payload`, numbers with their
/// highest byte first; the length counts everything behind itself. It is the shape of SFTP's packets (draft-ietf-secsh-filexfer-02).
struct Frame: Sendable, Equatable {
  var type: UInt8
  /// Of the request that it is, or answers.
  var id: UInt32
  var payload: [UInt8]

  init(_ type: UInt8, id: UInt32 = 0, _ payload: [UInt8] = []) {
    self.type = type
    self.id = id
    self.payload = payload
  }

  /// Bytes of a frame besides its payload, the length's own included.
  static let overhead = 9
  /// What the length counts besides the payload.
  static let headLength = 5

  /// The frame as it is sent.
  ///
  /// - Parameter body: Follows the payload as if it were its end.
  func encoded(body: UnsafeRawBufferPointer? = nil) -> [UInt8] {
    let size = payload.count + (body?.count ?? 0)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.overhead + size)
    let length = UInt32(Self.headLength + size)
    withUnsafeBytes(of: length.bigEndian) { bytes.append(contentsOf: $0) }
    bytes.append(type)
    withUnsafeBytes(of: id.bigEndian) { bytes.append(contentsOf: $0) }
    bytes += payload
    if let body { bytes.append(contentsOf: body) }
    return bytes
  }
}

/// Cuts what arrives into frames. What it holds is never more than one frame of the limit and what was given at once.
struct FrameParser {
  /// What arrived is no frame.
  struct Malformed: Error, Equatable {
    /// The length that it claims.
    let length: UInt32
    /// What arrived, from where a frame should begin.
    let beginning: [UInt8]
  }

  /// Bytes of a frame's payload at most.
  private let limit: Int
  private var bytes: [UInt8] = []
  private var position = 0

  init(limit: Int) {
    self.limit = limit
  }

  /// Whether a frame has begun of which something is missing.
  var isInside: Bool { position < bytes.count }

  mutating func add(_ piece: UnsafeRawBufferPointer) {
    if position > 0 {
      bytes.removeFirst(position)
      position = 0
    }
    bytes.append(contentsOf: piece)
  }

  /// Takes out the next frame; nil until it has arrived whole.
  ///
  /// - Throws: `Malformed`, for a length that no frame has, as soon as that has arrived.
  mutating func next() throws(Malformed) -> Frame? {
    guard let length = number(at: position) else { return nil }
    guard length >= Frame.headLength, Int(length) - Frame.headLength <= limit else {
      throw Malformed(length: length, beginning: Array(bytes[position...].prefix(200)))
    }
    guard bytes.count - position - 4 >= Int(length), let id = number(at: position + 5) else { return nil }
    let end = position + 4 + Int(length)
    defer { position = end }
    return Frame(bytes[position + 4], id: id, Array(bytes[position + Frame.overhead..<end]))
  }

  private func number(at start: Int) -> UInt32? {
    guard bytes.count - start >= 4 else { return nil }
    return bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }
}
