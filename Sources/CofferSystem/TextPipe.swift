import CSystem
import Glibc

/// A short text on an anonymous pipe, or in a file of memory, for a child to read as if it were a file: nothing of it is ever on a disk,
/// in an argument or in an environment.
public struct TextPipe: ~Copyable, Sendable {
  private let readEnd: FileDescriptor

  /// The least that pipes of every Linux hold.
  public static let capacity = 4096

  /// - Parameter isReadAgain: Whether the child opens it more than once, and wants it from its beginning each time.
  /// - Throws: `SystemError`, also for a text that is longer than `capacity`.
  public init(_ text: String, subject: String, isReadAgain: Bool = false) throws(SystemError) {
    let bytes = Array(text.utf8)
    readEnd = try isReadAgain ? Self.file(holding: bytes, subject) : Self.pipe(holding: bytes, subject)
  }

  private static func file(holding bytes: [UInt8], _ subject: String) throws(SystemError) -> FileDescriptor {
    let made = memfd_create("coffer", coffer_memory_file_closes)
    guard made >= 0 else { throw SystemError(call: "memfd_create", subject: subject) }
    let file = FileDescriptor(owning: made)
    // MariaDB's programs pass over a file of options that everybody might write.
    guard fchmod(file.number, 0o600) == 0 else { throw SystemError(call: "chmod", subject: subject) }
    let count = bytes.withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
    guard count == bytes.count else { throw SystemError(call: "write", subject: subject) }
    return file
  }

  private static func pipe(holding bytes: [UInt8], _ subject: String) throws(SystemError) -> FileDescriptor {
    guard bytes.count <= capacity else { throw SystemError(call: "write", subject: subject, code: EMSGSIZE) }
    var ends: [Int32] = [-1, -1]
    guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SystemError(call: "pipe2", subject: subject) }
    let readEnd = FileDescriptor(owning: ends[0])
    let writeEnd = FileDescriptor(owning: ends[1])
    let count = bytes.withUnsafeBytes { Glibc.write(writeEnd.number, $0.baseAddress, $0.count) }
    guard count == bytes.count else { throw SystemError(call: "write", subject: subject) }
    return readEnd
  }

  /// Our end's number, to be given to a child by `ChildCommand.inherited`; valid as long as this value lives.
  public var number: Int32 { readEnd.number }
}
