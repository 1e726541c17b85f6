import CofferSystem
import Glibc

/// A file of a server's log that is to be stored, opened and looked at: which server's it is, and which part.
public final class WALFile: Sendable {
  public let name: WALFileName
  public let systemIdentifier: UInt64
  /// The binary logarithm of a segment's bytes; 0 for what is no segment.
  public let exponent: UInt8
  /// Bytes.
  public let size: Int
  /// Absolute.
  public let path: String
  private let file: FileDescriptor

  /// Bytes of what is no segment at most: the history of a timeline has a line for each before it.
  private static let smallLimit = 1 << 20

  /// - Parameters:
  ///   - path: The file's, absolute.
  ///   - dataDirectory: The server's, for what does not say itself which server's it is.
  /// - Throws: `WALError`; `SystemError`; `UntrustedPlace`.
  public init(_ path: String, dataDirectory: String) throws {
    let place = try FilePlace(path)
    guard let name = WALFileName(place.name.description) else { throw WALError.name(path) }
    let file = try place.folder.open(place.name, flags: O_RDONLY)
    let facts = try file.status(subject: path)
    guard facts.st_mode & S_IFMT == S_IFREG, facts.st_size > 0 else {
      throw WALError.content(path, "it is empty, or no file")
    }
    size = Int(facts.st_size)
    let control = try Self.systemIdentifier(of: dataDirectory)
    switch name {
    case .segment(let timeline, let number), .partial(let timeline, let number):
      let header = try Self.header(file, path)
      guard header.number == number, header.timeline <= timeline else {
        throw WALError.content(path, "its first page is of another segment than its name says")
      }
      guard size == header.segmentSize else {
        throw WALError.content(path, "it has \(size) bytes, and not the \(header.segmentSize) of a segment")
      }
      if let control, control != header.systemIdentifier {
        throw WALError.otherServer(path, dataDirectory: dataDirectory)
      }
      systemIdentifier = header.systemIdentifier
      exponent = header.exponent
    case .backup, .history:
      guard size <= Self.smallLimit else { throw WALError.content(path, "it is larger than any such file") }
      guard let control else { throw WALError.unknownServer(path, dataDirectory: dataDirectory) }
      systemIdentifier = control
      exponent = 0
    }
    self.name = name
    self.path = path
    self.file = file
  }

  private static func header(_ file: borrowing FileDescriptor, _ path: String) throws -> WALPageHeader {
    var bytes = [UInt8](repeating: 0, count: WALPageHeader.size)
    guard try read(file, into: &bytes, path), let header = bytes.withUnsafeBytes({ WALPageHeader($0) }) else {
      throw WALError.content(path, "it does not begin as a segment does")
    }
    return header
  }

  /// - Returns: Whether the file has so many bytes.
  private static func read(
    _ file: borrowing FileDescriptor, into bytes: inout [UInt8], _ path: String
  ) throws -> Bool {
    try bytes.withUnsafeMutableBytes { try file.fill($0, from: 0, subject: path) == $0.count }
  }

  /// The file as it is now.
  ///
  /// - Throws: `SystemError`.
  public func version() throws(SystemError) -> FileVersion { FileVersion(try file.status(subject: path)) }

  /// The identifier of the server whose data directory this is.
  ///
  /// - Returns: nil for what is no data directory.
  /// - Throws: `SystemError`, `UntrustedPlace` when it cannot be looked at.
  public static func systemIdentifier(of dataDirectory: String) throws -> UInt64? {
    do {
      let place = try FilePlace("\(dataDirectory)/global/pg_control")
      let file = try place.folder.open(place.name, flags: O_RDONLY)
      var bytes = [UInt8](repeating: 0, count: WALControlFile.size)
      guard try read(file, into: &bytes, place.folder.path(of: place.name)) else { return nil }
      return bytes.withUnsafeBytes { WALControlFile($0) }?.systemIdentifier
    } catch let error as SystemError where error.code == ENOENT || error.code == ENOTDIR {
      return nil
    }
  }

  /// Fills some room with the bytes from a place on. By any thread.
  ///
  /// - Throws: `WALError` when the file has become shorter; `SystemError`.
  public func read(from start: Int, into room: UnsafeMutableRawBufferPointer) throws {
    guard try file.fill(room, from: UInt64(start), subject: path) == room.count else {
      throw WALError.content(path, "it became shorter while it was read")
    }
  }
}

/// Why a file of a server's log is not stored.
public enum WALError: DiagnosableError, Equatable {
  /// No file of a log has such a name.
  case name(String)
  case content(String, String)
  /// The file is of one server, and the data directory of another.
  case otherServer(String, dataDirectory: String)
  /// It cannot be told of which server it is.
  case unknownServer(String, dataDirectory: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .name(let path):
      Diagnosis(
        subject: path, problem: "No file of PostgreSQL's log has such a name",
        suggestion: "Write archive_command = 'coffer wal push %p', and restore_command = 'coffer wal get %f %p'")
    case .content(let path, let detail):
      Diagnosis(subject: path, problem: "The file is not stored: \(detail)")
    case .otherServer(let path, let directory):
      Diagnosis(
        subject: path, problem: "The file is of another server than the data directory \(directory)",
        suggestion: "Name the right entry of postgresql_clusters with --cluster, or correct its data_directory")
    case .unknownServer(let path, let directory):
      Diagnosis(
        subject: path, problem: "\(directory) is no data directory, so it is not known of which server the file is",
        suggestion:
          "Set data_directory below postgresql_clusters, or run the command in the server's data directory, as the "
          + "server does")
    }
  }
}
