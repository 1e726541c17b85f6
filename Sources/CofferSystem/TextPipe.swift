import CSystem
import Glibc

/// A short text on an anonymous pipe, for a child to read as if it were a file: nothing of it is ever on a disk, in an
/// argument or in an environment.
public struct TextPipe: ~Copyable, Sendable {
  private let readEnd: FileDescriptor

  /// The least that pipes of every Linux hold.
  public static let capacity = 4096

  /// - Throws: `SystemError`, also for a text that is longer than `capacity`.
  public init(_ text: String, subject: String) throws(SystemError) {
    readEnd = try Self.pipe(holding: Array(text.utf8), subject)
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
