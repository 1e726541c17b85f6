import CSystem

/// What the kernel asks of a file system that is only read: a message of its FUSE protocol (linux/fuse.h, version 7).
public struct FuseRequest: Sendable {
  public enum Operation: Sendable {
    case begin(version: (major: UInt32, minor: UInt32), readAhead: UInt32, abilities: UInt32)
    /// Looks for a name in the node, a folder.
    case find([UInt8])
    case facts
    case linkTarget
    /// Of a file.
    case open(flags: UInt32)
    case openFolder
    case read(offset: UInt64, count: Int)
    /// The names in the folder, from a place on, as far as there is room; with facts, if the kernel wants these with them.
    case names(offset: UInt64, room: Int, withFacts: Bool)
    case attribute([UInt8], room: Int)
    case attributeNames(room: Int)
    /// Where behind an offset there is data, or a hole.
    case seek(offset: UInt64, whence: Int32)
    case fileSystem
    /// Something that needs an answer, and no work.
    case close
    /// Something that nobody waits for an answer to.
    case note
    /// What would change something.
    case change
    case other
  }

  /// Which it is, for the answer.
  public let identifier: UInt64
  /// The number by which the file system has told the kernel of what is asked about.
  public let node: UInt64
  public let operation: Operation

  /// A message that is shorter than what it says that it is.
  public struct Malformed: Error {}

  /// The number of the node that everything is below.
  public static let rootNode: UInt64 = 1

  package init(node: UInt64, _ operation: Operation) {
    identifier = 0
    self.node = node
    self.operation = operation
  }

  /// - Throws: `Malformed`.
  init(_ message: UnsafeRawBufferPointer) throws(Malformed) {
    let header = try Self.value(fuse_in_header.self, in: message, at: 0)
    identifier = header.unique
    node = header.nodeid
    let body = UnsafeRawBufferPointer(rebasing: message[MemoryLayout<fuse_in_header>.size...])
    operation = try Self.operation(header.opcode, body)
  }

  private static func operation(_ code: UInt32, _ body: UnsafeRawBufferPointer) throws(Malformed) -> Operation {
    switch fuse_opcode(code) {
    case FUSE_INIT:
      // Older kernels say less; the first four numbers have always been there.
      func number(_ index: Int) throws(Malformed) -> UInt32 { try value(UInt32.self, in: body, at: index * 4) }
      return .begin(version: (try number(0), try number(1)), readAhead: try number(2), abilities: try number(3))
    case FUSE_LOOKUP: return .find(try name(in: body, at: 0))
    case FUSE_GETATTR: return .facts
    case FUSE_READLINK: return .linkTarget
    case FUSE_OPEN: return .open(flags: try value(fuse_open_in.self, in: body, at: 0).flags)
    case FUSE_OPENDIR: return .openFolder
    case FUSE_READ:
      let asked = try value(fuse_read_in.self, in: body, at: 0)
      return .read(offset: asked.offset, count: Int(asked.size))
    case FUSE_READDIR, FUSE_READDIRPLUS:
      let asked = try value(fuse_read_in.self, in: body, at: 0)
      return .names(
        offset: asked.offset, room: Int(asked.size), withFacts: fuse_opcode(code) == FUSE_READDIRPLUS)
    case FUSE_GETXATTR:
      let asked = try value(fuse_getxattr_in.self, in: body, at: 0)
      return .attribute(try name(in: body, at: MemoryLayout<fuse_getxattr_in>.size), room: Int(asked.size))
    case FUSE_LISTXATTR: return .attributeNames(room: Int(try value(fuse_getxattr_in.self, in: body, at: 0).size))
    case FUSE_LSEEK:
      let asked = try value(fuse_lseek_in.self, in: body, at: 0)
      return .seek(offset: asked.offset, whence: Int32(truncatingIfNeeded: asked.whence))
    case FUSE_STATFS: return .fileSystem
    case FUSE_RELEASE, FUSE_RELEASEDIR, FUSE_FLUSH, FUSE_DESTROY, FUSE_FSYNC, FUSE_FSYNCDIR: return .close
    case FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT: return .note
    case FUSE_SETATTR, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME, FUSE_RENAME2,
      FUSE_LINK, FUSE_WRITE, FUSE_CREATE, FUSE_SETXATTR, FUSE_REMOVEXATTR, FUSE_FALLOCATE, FUSE_COPY_FILE_RANGE,
      FUSE_TMPFILE:
      return .change
    default: return .other
    }
  }

  private static func value<Value: BitwiseCopyable>(
    _ type: Value.Type, in bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(Malformed) -> Value {
    guard bytes.count >= offset + MemoryLayout<Value>.size else { throw Malformed() }
    return bytes.loadUnaligned(fromByteOffset: offset, as: type)
  }

  /// A name, which a NUL ends.
  private static func name(in bytes: UnsafeRawBufferPointer, at offset: Int) throws(Malformed) -> [UInt8] {
    guard bytes.count > offset, let end = bytes[offset...].firstIndex(of: 0) else { throw Malformed() }
    return Array(bytes[offset..<end])
  }
}
