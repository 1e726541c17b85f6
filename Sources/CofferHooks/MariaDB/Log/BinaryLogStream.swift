import CofferSystem
import Glibc

/// The binary log as the server sends it, through a program of the server's own that writes what comes into files.
///
/// The files are FIFOs that stand there before the program opens them, so that nothing is ever on a disk, and a reader that is slow makes the
/// server wait. The program cannot open one before it is read from, and it is read from when the one behind it stands there, too. Used by one
/// thread.
public final class BinaryLogStream {
  public enum Received: Equatable {
    /// So many bytes of the file that came last.
    case bytes(Int)
    /// What comes from now on is of another file.
    case file(BinaryLogFileName)
    /// The time is up, or somebody wakes.
    case nothing
  }

  /// A file to come, or one that is being read.
  private final class Pipe {
    let name: BinaryLogFileName
    let descriptor: FileDescriptor

    init(_ name: BinaryLogFileName, _ descriptor: consuming FileDescriptor) {
      self.name = name
      self.descriptor = descriptor
    }
  }

  private let server: BinaryLogServer
  private let child: ChildProcess
  private let folder: Folder
  private let cancellation: Cancellation
  private var current: Pipe
  /// The file behind the current one, when all of that has come.
  private var next: Pipe?

  private static let folderName: EntryName = "binlog"
  /// What the program puts before a file's name, as it is. The server says that name, and the program does not look whether it leads out
  /// of the folder: behind this it cannot, for there is no folder whose name begins so.
  private static let prefix = "log-"
  private static let pipeSize: Int32 = 1 << 20
  private static let setPipeSize: Int32 = 1031

  /// Starts receiving.
  ///
  /// - Throws: `LaunchError`; `SystemError`; `RuntimeDirectory.Failure`.
  public init(
    _ server: BinaryLogServer, from file: BinaryLogFileName, _ position: UInt64, context: HookContext
  ) throws {
    self.server = server
    cancellation = context.cancellation
    try context.runtime.folder.removeTree(Self.folderName)
    let folder = try context.runtime.folder.makeFolder(Self.folderName)
    self.folder = folder
    try folder.makeFIFO(Self.entry(file))
    current = try Self.open(file, in: folder)
    child = try server.launch(from: file, position, into: "\(folder.path)/\(Self.prefix)", context)
  }

  deinit {
    child.terminate()
  }

  private static func entry(_ name: BinaryLogFileName) -> EntryName { EntryName(prefix + name.text) }

  /// Opens a file that is there, when the next is.
  private static func open(_ name: BinaryLogFileName, in folder: Folder) throws -> Pipe {
    if let next = name.next { try folder.makeFIFO(entry(next)) }
    let descriptor = try folder.open(entry(name), flags: O_RDONLY | O_NONBLOCK)
    _ = fcntl(descriptor.number, setPipeSize, pipeSize)
    return Pipe(name, descriptor)
  }

  /// Waits for what comes next.
  ///
  /// - Parameters:
  ///   - seconds: How long at most.
  ///   - wake: A descriptor that ends the wait when it becomes readable.
  /// - Throws: `BinaryLogError` when the program has ended; `SystemError`; `RunCancelled`.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, seconds: Double, orUntil wake: Int32
  ) throws -> Received {
    let events = Int16(POLLIN)
    var watched = [
      pollfd(fd: (next ?? current).descriptor.number, events: events, revents: 0),
      pollfd(fd: child.endDescriptor, events: events, revents: 0), pollfd(fd: wake, events: events, revents: 0),
      pollfd(fd: cancellation.descriptor, events: events, revents: 0),
    ]
    let milliseconds = Int32(min(max(seconds, 0), 1_000_000) * 1000) + 1
    // An interrupted wait counts as one whose time is up.
    guard poll(&watched, nfds_t(watched.count), milliseconds) > 0 else { return .nothing }
    try cancellation.check()
    if watched[0].revents & events != 0, let next { return try turn(to: next) }
    if watched[0].revents != 0, next == nil {
      let count = try current.descriptor.read(into: buffer, subject: current.name.text)
      if count > 0 { return .bytes(count) }
      next = try current.name.next.map { try Self.open($0, in: folder) }
      return .nothing
    }
    guard watched[1].revents != 0 else { return try checkNames() }
    let status = child.wait()
    _ = try checkNames()
    let lines = child.lastErrorLines
    throw BinaryLogError.failed(
      place: server.place, program: child.program,
      lines: lines.isEmpty ? ["it has ended by itself, with the status \(status?.code ?? 0)"] : lines)
  }

  private func turn(to next: Pipe) throws -> Received {
    try folder.remove(Self.entry(current.name))
    (current, self.next) = (next, nil)
    return .file(next.name)
  }

  /// A server may leave numbers out. Its program then writes into a file of its own.
  private func checkNames() throws -> Received {
    guard let next else { return .nothing }
    let known = [current.name, next.name, next.name.next].compactMap { $0.map(Self.entry) }
    guard let other = try folder.names().first(where: { !known.contains($0) }) else { return .nothing }
    let name = "\(other)".after(beginning: Self.prefix) ?? "\(other)"
    throw BinaryLogError.lost(place: server.place, "the server goes on with \(name), which is not the next number")
  }
}
