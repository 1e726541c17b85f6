import CofferSystem
import FoundationEssentials
import Glibc

/// The first frame of a client.
struct ServeHello: Equatable {
  var versions: ClosedRange<UInt16>
  /// The repository's folder: from the root on, or from the folder that the server was started in.
  var path: String

  func encoded() -> [UInt8] {
    var writer = PayloadWriter(ServeProtocol.magic)
    writer.add(versions.lowerBound)
    writer.add(versions.upperBound)
    writer.add(path)
    return writer.bytes
  }

  init(versions: ClosedRange<UInt16> = ServeProtocol.versions, path: String) {
    self.versions = versions
    self.path = path
  }

  /// What later versions add behind the path is left aside.
  init(decoding payload: [UInt8]) throws(PayloadReader.Malformed) {
    var reader = PayloadReader(payload)
    guard try reader.bytes(ServeProtocol.magic.count).elementsEqual(ServeProtocol.magic) else {
      throw PayloadReader.Malformed()
    }
    let lowest = try reader.number(UInt16.self)
    let highest = try reader.number(UInt16.self)
    guard lowest <= highest else { throw PayloadReader.Malformed() }
    versions = lowest...highest
    path = try reader.text()
  }
}

/// What a server answers to the hello of a client that it serves.
struct ServeWelcome: Equatable {
  /// The highest that both speak.
  var version: UInt16
  /// Whether the client may only add.
  var isAppendOnly: Bool

  func encoded() -> [UInt8] {
    var writer = PayloadWriter()
    writer.add(version)
    writer.add(UInt8(isAppendOnly ? 1 : 0))
    return writer.bytes
  }

  init(version: UInt16, isAppendOnly: Bool) {
    self.version = version
    self.isAppendOnly = isAppendOnly
  }

  init(decoding payload: [UInt8]) throws(PayloadReader.Malformed) {
    var reader = PayloadReader(payload)
    version = try reader.number()
    isAppendOnly = try reader.number(UInt8.self) == 1
    try reader.end()
  }
}

/// What a server says of a failure.
struct ServeFailure: Equatable {
  enum Kind: UInt8 {
    case transient = 1
    case permanent, denied, full, missing, exists, occupied, reserved, truncated, tooLarge
  }

  var kind: Kind
  /// What was tried; of an object that is reserved, the path of what stands in its place.
  var operation = ""
  var reason = ""
  var suggestion = ""
  /// Of an object that is too large.
  var size = 0

  init(_ kind: Kind, _ operation: String = "", reason: String = "", suggestion: String = "") {
    self.kind = kind
    self.operation = operation
    self.reason = reason
    self.suggestion = suggestion
  }

  init(_ failure: StorageFailure) {
    let kind: Kind =
      switch failure.kind {
      case .transient: .transient
      case .permanent: .permanent
      case .denied: .denied
      }
    self.init(kind, failure.operation, reason: failure.reason, suggestion: failure.suggestion ?? "")
  }

  init(_ error: StorageError) {
    switch error {
    case .exists: self.init(.exists)
    case .occupied: self.init(.occupied)
    case .reserved(_, _, let path): self.init(.reserved, path)
    case .missing: self.init(.missing)
    case .truncated: self.init(.truncated)
    case .tooLarge(_, _, let size):
      self.init(.tooLarge)
      self.size = size
    case .full: self.init(.full)
    case .cancelled: self.init(.transient, "request", reason: "the server was asked to stop")
    case .failed(_, _, let failure): self.init(failure)
    }
  }

  /// As the client's caller is told it.
  ///
  /// - Parameter name: Of the object that was asked for, if it was one.
  func storageError(_ name: ObjectName?, location: String) -> StorageError {
    func failed(_ kind: StorageFailure.Kind) -> StorageError {
      .failed(
        name, location: location,
        StorageFailure(kind, operation, reason: reason, suggestion: suggestion.isEmpty ? nil : suggestion))
    }
    guard let name else {
      switch kind {
      case .transient: return failed(.transient)
      case .denied: return failed(.denied)
      default: return failed(.permanent)
      }
    }
    switch kind {
    case .transient: return failed(.transient)
    case .permanent: return failed(.permanent)
    case .denied: return failed(.denied)
    case .full: return .full(name, location: location)
    case .missing: return .missing(name, location: location)
    case .exists: return .exists(name, location: location)
    case .occupied: return .occupied(name, location: location)
    case .reserved: return .reserved(name, location: location, path: operation)
    case .truncated: return .truncated(name, location: location)
    case .tooLarge: return .tooLarge(name, location: location, size: size)
    }
  }

  func encoded() -> [UInt8] {
    var writer = PayloadWriter()
    writer.add(kind.rawValue)
    for text in [operation, reason, suggestion] { writer.add(String(decoding: text.utf8.prefix(4096), as: UTF8.self)) }
    writer.add(UInt64(max(size, 0)))
    return writer.bytes
  }

  init(decoding payload: [UInt8]) throws(PayloadReader.Malformed) {
    var reader = PayloadReader(payload)
    // A kind that only a later version knows cannot be made good by another try.
    kind = Kind(rawValue: try reader.number()) ?? .permanent
    operation = try reader.text()
    reason = try reader.text()
    suggestion = try reader.text()
    size = try reader.size()
    try reader.end()
  }
}

extension ObjectStatus {
  func write(to writer: inout PayloadWriter) {
    writer.add(name.path)
    writer.add(UInt64(size))
    writer.add(received.nanosecondsSince1970)
  }

  init(reading reader: inout PayloadReader) throws(PayloadReader.Malformed) {
    guard let name = ObjectName(try reader.text()) else { throw PayloadReader.Malformed() }
    let size = try reader.size()
    let time = try reader.number(Int64.self)
    self.init(
      name: name, size: size, received: Date(timeIntervalSince1970: Double(time) / 1e9))
  }
}

extension UnfinishedPut {
  func write(to writer: inout PayloadWriter) {
    writer.add(path)
    writer.add(UInt64(size))
    writer.add(UInt8(isAbandoned ? 1 : 0))
  }

  init(reading reader: inout PayloadReader) throws(PayloadReader.Malformed) {
    self.init(path: try reader.text(), size: try reader.size(), isAbandoned: try reader.number(UInt8.self) == 1)
  }
}
