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
  private let extents: FileExtents
  private let path: String
  /// The stretch that is being written, what of it is to come, and where that is in the file.
  private var current = -1
  private var left: UInt64 = 0
  private var position: UInt64 = 0

  init(_ file: TemporaryFile, _ extents: FileExtents, path: String) {
    self.file = file
    self.extents = extents
    self.path = path
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      if left == 0 { try skipHole() }
      let count = Int(min(UInt64(rest.count), left))
      try file.file.writeAll(UnsafeRawBufferPointer(rebasing: rest[..<count]), subject: path)
      left -= UInt64(count)
      position += UInt64(count)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Gives the file its size, with the hole at its end.
  func finish() throws(SystemError) {
    guard ftruncate(file.file.number, off_t(extents.size)) == 0 else {
      throw SystemError(call: "ftruncate", subject: path)
    }
  }

  private func skipHole() throws(SystemError) {
    current += 1
    // Archives whose stretches and streams do not fit each other were refused when they were read.
    guard extents.stretches.indices.contains(current) else {
      throw SystemError(call: "write", subject: path, code: EFBIG)
    }
    let stretch = extents.stretches[current]
    position += stretch.hole
    left = stretch.data
    guard lseek(file.file.number, off_t(position), SEEK_SET) >= 0 else {
      throw SystemError(call: "lseek", subject: path)
    }
  }
}
