import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// A file that is being written.
final class FileSink: ByteSink {
  private let file: TemporaryFile
  private let path: String

  init(_ file: TemporaryFile, path: String) {
    self.file = file
    self.path = path
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try file.file.writeAll(bytes, subject: path)
  }

  func write(pieces: [UnsafeRawBufferPointer]) throws {
    try file.file.writeAll(pieces: pieces, subject: path)
  }
}

/// A file with holes that is being written: given its data, it leaves the holes out.
final class SparseFileSink: ByteSink {
  private let file: TemporaryFile
  private let path: String
  private var walk: StretchWalk
  /// Where in the file the next data comes.
  private var position: UInt64 = 0

  /// Gives the file its size first: behind the end of a file that grows some file systems (XFS) reserve room, which would be
  /// where a hole is to be.
  ///
  /// - Throws: `SystemError`.
  init(_ file: TemporaryFile, _ extents: FileExtents, path: String) throws(SystemError) {
    self.file = file
    walk = StretchWalk(extents)
    self.path = path
    guard ftruncate(file.file.number, off_t(extents.size)) == 0 else {
      throw SystemError(call: "ftruncate", subject: path)
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    let fits = try walk.take(bytes) { hole in
      position += hole
      guard lseek(file.file.number, off_t(position), SEEK_SET) >= 0 else {
        throw SystemError(call: "lseek", subject: path)
      }
    } data: { data in
      try file.file.writeAll(data, subject: path)
      position += UInt64(data.count)
    }
    // Archives whose stretches and streams do not fit each other were refused when they were read.
    guard fits else { throw SystemError(call: "write", subject: path, code: EFBIG) }
  }
}
