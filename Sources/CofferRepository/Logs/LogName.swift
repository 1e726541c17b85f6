import CofferStorage
import CofferSystem

/// The name of an object that holds a part of a server's log.
struct LogName: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    case segment
    /// Segments that follow each other.
    case joined
    /// What else belongs to a log, and what it is.
    case file(String)

    /// In the name of its folder.
    fileprivate var word: String {
      switch self {
      case .segment: "segments"
      case .joined: "joined"
      case .file: "files"
      }
    }
  }

  static let folder = "logs"
  /// Hex digits of a server's id, and of a tag.
  static let digits = 32
  private static let whatLimit = 16

  let kind: Kind
  /// A server's id.
  let server: String
  /// Of a joined object of its first and last segment; of others the same place twice.
  let first: LogPlace
  let last: LogPlace
  let signer: LogSigner
  let objectName: ObjectName
  /// All before the tag.
  private let prefix: String

  /// - Returns: nil for a name that no such object has.
  init?(_ name: ObjectName) {
    let parts = name.parts
    guard parts.count == 3, parts[0].isSame(as: Self.folder) else { return nil }
    let group = parts[1].parts(by: "-")
    var fields = parts[2].parts(by: "-")
    guard group.count == 2, Hexadecimal.isDigits(group[0], Self.digits),
      let tag = fields.popLast(), Hexadecimal.isDigits(tag, Self.digits),
      let signer = fields.popLast().flatMap({ LogSigner($0) })
    else { return nil }
    switch (group[1], fields.count) {
    case ("segments", 3):
      guard let place = Self.place(fields[0], fields[1], fields[2]) else { return nil }
      self.init(.segment, of: group[0], place, place, signer, tag: tag)
    case ("joined", 4):
      guard let last = Self.place(fields[0], fields[1], fields[3]),
        let first = Self.place(fields[0], fields[2], fields[3])
      else { return nil }
      self.init(.joined, of: group[0], first, last, signer, tag: tag)
    case ("files", 4):
      guard let place = Self.place(fields[0], fields[1], fields[2]) else { return nil }
      self.init(.file(fields[3]), of: group[0], place, place, signer, tag: tag)
    default: return nil
    }
    // Each object has one spelling of its name.
    guard objectName == name else { return nil }
  }

  /// The name that the key in use, or for what is joined any full key, gives.
  ///
  /// - Returns: nil for what no object can hold.
  init?(
    _ kind: Kind, of server: String, _ first: LogPlace, to last: LogPlace, _ signer: LogSigner, tags: LogTags
  ) throws {
    let prefix = Self.prefix(kind, server, first, last, signer)
    self.init(kind, of: server, first, last, signer, tag: try tags.tag(of: prefix))
  }

  private init?(
    _ kind: Kind, of server: String, _ first: LogPlace, _ last: LogPlace, _ signer: LogSigner, tag: String
  ) {
    let prefix = Self.prefix(kind, server, first, last, signer)
    guard let name = ObjectName(prefix + tag), Hexadecimal.isDigits(server, Self.digits) else { return nil }
    switch kind {
    case .segment: guard first == last else { return nil }
    case .joined:
      guard let count = first.count(to: last), (2...UInt64(LogDirectory.segmentLimit)).contains(count) else {
        return nil
      }
    case .file(let what): guard first == last, Self.isWhat(what) else { return nil }
    }
    self.kind = kind
    self.server = server
    self.first = first
    self.last = last
    self.signer = signer
    self.prefix = prefix
    objectName = name
  }

  /// What names begin with of which objects are in one folder of a server.
  static func folder(_ kind: Kind, of server: String) -> String { "\(folder)/\(server)-\(kind.word)" }

  /// The name behind which all are that end at a place or later; nil where all are.
  static func before(_ place: LogPlace, _ kind: Kind, of server: String) -> ObjectName? {
    // Shorter than any name of the place, and so before it.
    ObjectName("\(folder(kind, of: server))/\(Hexadecimal.encode(place.history))-\(Hexadecimal.encode(place.number))")
  }

  private static func prefix(
    _ kind: Kind, _ server: String, _ first: LogPlace, _ last: LogPlace, _ signer: LogSigner
  ) -> String {
    let exponent = String(printf: "%02d", Int(first.exponent))
    let (history, number) = (Hexadecimal.encode(first.history), Hexadecimal.encode(first.number))
    let middle =
      switch kind {
      case .segment: "\(number)-\(exponent)"
      case .joined: "\(Hexadecimal.encode(last.number))-\(number)-\(exponent)"
      case .file(let what): "\(number)-\(exponent)-\(what)"
      }
    return "\(folder(kind, of: server))/\(history)-\(middle)-\(signer.text)-"
  }

  private static func place(_ history: String, _ number: String, _ exponent: String) -> LogPlace? {
    guard Hexadecimal.isDigits(history, 8), Hexadecimal.isDigits(number, 16), exponent.utf8.count == 2,
      exponent.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let history = UInt32(history, radix: 16),
      let number = UInt64(number, radix: 16), let exponent = UInt8(exponent)
    else { return nil }
    return LogPlace(history: history, number: number, exponent: exponent)
  }

  static func isWhat(_ text: String) -> Bool {
    (1...whatLimit).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2e }
  }

  /// Whether a tag is right, as far as the key in use can tell: a full key of its names and all that is joined, a write-only key of
  /// its own. Of others only the signature tells.
  func isRight(_ tags: LogTags) throws -> Bool {
    let isFull = kind == .joined || signer == .full
    guard tags.signer == .full ? isFull : !isFull && signer == tags.signer else { return true }
    return objectName.path.isSame(as: prefix + (try tags.tag(of: prefix)))
  }

  /// Whether it holds the segment of a place.
  func covers(_ place: LogPlace) -> Bool {
    first.history == place.history && first.exponent == place.exponent
      && (first.number...last.number).contains(place.number)
  }
}

/// Makes the tags in names of logs' objects: nobody but who signs an object gives it its name beforehand.
struct LogTags {
  /// Whoever uses the key in use.
  let signer: LogSigner
  private let own: RootTags

  init(_ context: RepositoryContext) throws {
    signer = LogSigner(context.keys)
    own =
      try RootTags(context.keys, context.header)
      ?? RootTags(
        key: KeyDerivation.hkdf(
          secret: context.keys.signingSeed, salt: context.header.salt, label: "coffer log tag", count: 32))
  }

  func tag(of prefix: String) throws -> String { try own.tag(of: prefix) }
}
