import CofferSystem

/// What identifies an open file or folder to the server that gave it.
typealias SFTPHandle = [UInt8]

/// A request of SFTP version 3 (draft-ietf-secsh-filexfer-02, sections 4 and 6; extensions as OpenSSH's PROTOCOL describes
/// them), without the length and the number that stand before it on the way.
struct SFTPRequest: Sendable, Equatable {
  let type: UInt8
  let payload: [UInt8]

  /// As messages name it.
  var operation: String {
    switch type {
    case 3, 11: "open"
    case 4: "close"
    case 5: "read"
    case 6: "write"
    case 12: "list"
    case 13: "remove"
    case 14: "mkdir"
    case 18: "rename"
    case 200: "extended request"
    default: "stat"
    }
  }

  private init(_ type: UInt8, _ fill: (inout SFTPWriter) -> Void) {
    var writer = SFTPWriter()
    fill(&writer)
    self.type = type
    payload = writer.bytes
  }

  /// The version of the protocol that is spoken; in a first packet it takes the place of the number.
  static let version: UInt32 = 3
  static let initialize: UInt8 = 1

  /// How a file is opened.
  enum Access: UInt32 {
    case read = 0x01
    /// Write what is not there yet: `WRITE`, `CREAT` and `EXCL`.
    case create = 0x2a
  }

  /// - Parameter permissions: Of a file that comes to be by this.
  static func open(_ path: String, _ access: Access, permissions: UInt32? = nil) -> SFTPRequest {
    SFTPRequest(3) { writer in
      writer.string(path)
      writer.uint32(access.rawValue)
      SFTPAttributes(permissions: permissions).write(to: &writer)
    }
  }

  static func close(_ handle: SFTPHandle) -> SFTPRequest {
    SFTPRequest(4) { $0.string(handle) }
  }

  static func read(_ handle: SFTPHandle, from position: UInt64, count: UInt32) -> SFTPRequest {
    SFTPRequest(5) { writer in
      writer.string(handle)
      writer.uint64(position)
      writer.uint32(count)
    }
  }

  static func write(_ handle: SFTPHandle, at position: UInt64, _ content: UnsafeRawBufferPointer) -> SFTPRequest {
    SFTPRequest(6) { writer in
      writer.string(handle)
      writer.uint64(position)
      writer.string(content)
    }
  }

  /// The attributes of what stands there, be it a symbolic link.
  static func linkStatus(_ path: String) -> SFTPRequest { SFTPRequest(7) { $0.string(path) } }

  /// The attributes of what a path leads to.
  static func status(_ path: String) -> SFTPRequest { SFTPRequest(17) { $0.string(path) } }

  static func openFolder(_ path: String) -> SFTPRequest { SFTPRequest(11) { $0.string(path) } }

  static func readFolder(_ handle: SFTPHandle) -> SFTPRequest { SFTPRequest(12) { $0.string(handle) } }

  static func remove(_ path: String) -> SFTPRequest { SFTPRequest(13) { $0.string(path) } }

  static func makeFolder(_ path: String, permissions: UInt32) -> SFTPRequest {
    SFTPRequest(14) { writer in
      writer.string(path)
      SFTPAttributes(permissions: permissions).write(to: &writer)
    }
  }

  /// Fails where the new name is taken, says the protocol; not every server keeps that.
  static func rename(_ old: String, to new: String) -> SFTPRequest {
    SFTPRequest(18) { writer in
      writer.string(old)
      writer.string(new)
    }
  }

  /// A rename as POSIX has it, which replaces what has the new name.
  static func replace(_ new: String, by old: String) -> SFTPRequest { extended(.replace, old, new) }

  /// Gives a file a second name, if that is free.
  static func link(_ old: String, as new: String) -> SFTPRequest { extended(.link, old, new) }

  /// Makes what was written durable.
  static func sync(_ handle: SFTPHandle) -> SFTPRequest {
    SFTPRequest(200) { writer in
      writer.string(SFTPExtension.sync.rawValue)
      writer.string(handle)
    }
  }

  static let limits = extended(.limits)

  /// The room in the file system that a path leads to.
  static func room(_ path: String) -> SFTPRequest { extended(.room, path) }

  private static func extended(_ name: SFTPExtension, _ arguments: String...) -> SFTPRequest {
    SFTPRequest(200) { writer in
      writer.string(name.rawValue)
      for argument in arguments { writer.string(argument) }
    }
  }
}

/// What a server may be able to beyond version 3.
enum SFTPExtension: String, Sendable, CaseIterable {
  case sync = "fsync@openssh.com"
  case link = "hardlink@openssh.com"
  case replace = "posix-rename@openssh.com"
  case limits = "limits@openssh.com"
  case room = "statvfs@openssh.com"

  /// The version of it that is spoken here.
  private var version: String { self == .room ? "2" : "1" }

  /// Reads those that a server offers in its first packet, which has the version of the protocol in the place of a number.
  static func offered(in payload: [UInt8]) throws(SFTPReader.Malformed) -> Set<SFTPExtension> {
    var reader = SFTPReader(payload)
    var offered: Set<SFTPExtension> = []
    while !reader.isAtEnd {
      let (name, version) = (try reader.string(), try reader.string())
      let known = allCases.first { name.elementsEqual($0.rawValue.utf8) && version.elementsEqual($0.version.utf8) }
      if let known { offered.insert(known) }
    }
    return offered
  }
}
