import CofferSystem

/// What a server says of a file or folder (draft-ietf-secsh-filexfer-02, section 5); each of it may be missing.
struct SFTPAttributes: Sendable, Equatable {
  /// Bytes.
  var size: UInt64?
  /// As `st_mode`: the type of the file, and who may do what.
  var permissions: UInt32?
  /// Seconds since 1970, by the server's clock.
  var modified: UInt32?

  /// Bits that say which fields follow.
  private enum Field {
    static let size: UInt32 = 0x1
    static let owners: UInt32 = 0x2
    static let permissions: UInt32 = 0x4
    static let times: UInt32 = 0x8
    static let extended: UInt32 = 0x8000_0000
  }

  /// What stands in a place.
  enum Kind: Sendable {
    case file, folder, other
  }

  init(permissions: UInt32? = nil) {
    self.permissions = permissions
  }

  init(_ reader: inout SFTPReader) throws(SFTPReader.Malformed) {
    let fields = try reader.uint32()
    if fields & Field.size != 0 { size = try reader.uint64() }
    if fields & Field.owners != 0 { _ = (try reader.uint32(), try reader.uint32()) }
    if fields & Field.permissions != 0 { permissions = try reader.uint32() }
    if fields & Field.times != 0 {
      _ = try reader.uint32()
      modified = try reader.uint32()
    }
    guard fields & Field.extended != 0 else { return }
    // Each pair takes eight bytes at least, so a count that lies ends with the packet.
    for _ in 0..<(try reader.uint32()) { _ = (try reader.string(), try reader.string()) }
  }

  /// The kind, by the type that the permissions hold; nil when they are missing or without one.
  var kind: Kind? {
    switch (permissions ?? 0) & 0o170000 {
    case 0: nil
    case 0o100000: .file
    case 0o040000: .folder
    default: .other
    }
  }

  /// Of a request: nothing but the permissions, if any.
  func write(to writer: inout SFTPWriter) {
    writer.uint32(permissions == nil ? 0 : Field.permissions)
    if let permissions { writer.uint32(permissions) }
  }
}
