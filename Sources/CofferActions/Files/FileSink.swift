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
}

/// A file with holes that is being written: given its data, it leaves the holes out.
final class SparseFileSink: ByteSink {
  private let file: TemporaryFile
  private let size: UInt64
  private let path: String
  private var walk: StretchWalk
  /// Where in the file the next data comes.
  private var position: UInt64 = 0

  init(_ file: TemporaryFile, _ extents: FileExtents, path: String) {
    self.file = file
    size = extents.size
    walk = StretchWalk(extents)
    self.path = path
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

  /// Gives the file its size, with the hole at its end.
  func finish() throws(SystemError) {
    guard ftruncate(file.file.number, off_t(size)) == 0 else {
      throw SystemError(call: "ftruncate", subject: path)
    }
  }
}
