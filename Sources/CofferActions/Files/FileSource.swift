import CSystem
import CofferRepository
import CofferSystem
import Glibc

/// A regular file's bytes; of one with holes, those between them.
final class FileSource: ByteSource {
  /// How holes are found.
  private enum Holes {
    case none
    /// The file system tells.
    case told
    /// It has kept fewer bytes than there are and does not tell where: zeros are holes.
    case zeros
  }

  /// What the file was when it was opened.
  let facts: stat
  private let file: FileDescriptor
  private let path: String
  private let holes: Holes
  private var map = FileExtents()
  /// Where it is being read, and where the data ends that is read now.
  private var position = 0
  private var dataEnd = 0

  /// Holes are looked for in pieces of this size: a page, and what file systems mostly allocate.
  private static let piece = 4096

  /// - Parameters:
  ///   - path: For messages.
  ///   - touches: Whether reading may change the time of the last access.
  ///   - withHoles: Whether holes are read, too, as the zeros that they are.
  /// - Throws: `SystemError`; one that `isVanishing` when the name is not a regular file's any more.
  init(
    _ name: EntryName, in folder: Folder, path: String, touches: Bool = true, withHoles: Bool = false
  ) throws(SystemError) {
    file = try Self.open(name, in: folder, touches: touches)
    self.path = path
    let facts = try file.status(subject: path)
    self.facts = facts
    guard facts.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "open", subject: path, code: ESTALE) }
    holes = withHoles ? .none : Self.holes(in: file.number, facts)
  }

  private static func open(
    _ name: EntryName, in folder: Folder, touches: Bool
  ) throws(SystemError) -> FileDescriptor {
    guard !touches else { return try folder.open(name, flags: O_RDONLY) }
    do throws(SystemError) {
      return try folder.open(name, flags: O_RDONLY | coffer_open_without_access_time)
    } catch {
      // Only the file's owner is allowed that.
      guard error.code == EPERM else { throw error }
      return try folder.open(name, flags: O_RDONLY)
    }
  }

  private static func holes(in number: Int32, _ facts: stat) -> Holes {
    // In units of 512 bytes, whatever the file system's blocks are (stat(3type)).
    guard Int(facts.st_blocks).multipliedReportingOverflow(by: 512).partialValue < Int(facts.st_size) else {
      return .none
    }
    let first = lseek(number, 0, coffer_seek_hole)
    _ = lseek(number, 0, SEEK_SET)
    return first >= 0 && first < facts.st_size ? .told : .zeros
  }

  /// Makes every later change give the file another time, also one through memory.
  ///
  /// A page that a program has written to through memory (mmap) can be written to again without a new time, until the kernel
  /// has begun to put it onto the disk; so that is begun. On file systems in memory it never is.
  func settlePages() { _ = coffer_begin_writing(file.number) }

  /// The open file's descriptor, valid as long as this lives.
  var number: Int32 { file.number }

  /// Where the data was that has been read; nil for a file without holes.
  var extents: FileExtents? { map.dataSize < map.size ? map : nil }

  /// Whether the file was written to since it was opened.
  var hasChanged: Bool {
    guard let now = try? file.status(subject: path) else { return true }
    return now.st_size != facts.st_size || now.st_mtim.tv_sec != facts.st_mtim.tv_sec
      || now.st_mtim.tv_nsec != facts.st_mtim.tv_nsec
  }

  /// Whether nothing was done to it since it was opened.
  var isUntouched: Bool {
    guard let now = try? file.status(subject: path) else { return false }
    return FileFacts(now) == FileFacts(facts)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    switch holes {
    case .none: try file.read(into: buffer, subject: path)
    case .told: try readData(into: buffer)
    case .zeros: try readWithoutZeros(into: buffer)
    }
  }

  private func readData(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    if position == dataEnd, !(try findData()) { return 0 }
    let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, dataEnd - position)])
    let count = try file.read(into: piece, subject: path)
    // Where it was cut short meanwhile, it ends.
    position += count
    map.append(hole: 0, data: UInt64(count))
    return count
  }

  /// Goes on behind the next hole.
  ///
  /// - Returns: Whether there is more.
  private func findData() throws(SystemError) -> Bool {
    guard !map.isFull else {
      dataEnd = .max
      return true
    }
    let next = lseek(number, position, coffer_seek_data)
    guard next >= position else {
      guard next < 0, errno == ENXIO else { throw SystemError(call: "lseek", subject: path) }
      let size = Int(try file.status(subject: path).st_size)
      if size > position { map.append(hole: UInt64(size - position), data: 0) }
      position = max(position, size)
      dataEnd = position
      return false
    }
    let end = lseek(number, next, coffer_seek_hole)
    guard lseek(number, next, SEEK_SET) == next else { throw SystemError(call: "lseek", subject: path) }
    map.append(hole: UInt64(next - position), data: 0)
    position = next
    dataEnd = end > next ? end : .max
    return true
  }

  private func readWithoutZeros(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    while true {
      let count = try file.read(into: buffer, subject: path)
      guard count > 0 else { return 0 }
      var (offset, kept) = (0, 0)
      while offset < count {
        let length = min(Self.piece - (position + offset) % Self.piece, count - offset)
        let bytes = buffer[offset..<offset + length]
        if !map.isFull, bytes.allSatisfy({ $0 == 0 }) {
          map.append(hole: UInt64(length), data: 0)
        } else {
          if let start = buffer.baseAddress, kept < offset { memmove(start + kept, start + offset, length) }
          map.append(hole: 0, data: UInt64(length))
          kept += length
        }
        offset += length
      }
      position += count
      if kept > 0 { return kept }
    }
  }
}

extension FileFacts {
  init(_ facts: stat) {
    self.init(
      size: UInt64(clamping: facts.st_size), inode: UInt64(facts.st_ino), modified: Int64(nanoseconds: facts.st_mtim),
      changed: Int64(nanoseconds: facts.st_ctim))
  }
}
