import CofferSystem
import Glibc

/// A file that is being laid down; of what it has already only pages that differ are written.
final class LaidFile {
  /// Bytes that are written at once where any of them differs: a page of PostgreSQL's.
  private static let page = 8192

  private let file: FileDescriptor
  private let path: String
  /// Bytes that were there before.
  private let old: UInt64
  private var position: UInt64 = 0
  private var buffer: [UInt8] = []

  init(_ file: consuming FileDescriptor, _ path: String, old: UInt64) {
    self.file = file
    self.path = path
    self.old = old
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard position < old else {
      try put(bytes)
      position += UInt64(bytes.count)
      return
    }
    for start in stride(from: 0, to: bytes.count, by: Self.page) {
      let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + Self.page, bytes.count)])
      if try !isSame(piece) { try put(piece) }
      position += UInt64(piece.count)
    }
  }

  private func isSame(_ piece: UnsafeRawBufferPointer) throws -> Bool {
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: Self.page) }
    return try buffer.withUnsafeMutableBytes { buffer in
      let old = UnsafeMutableRawBufferPointer(rebasing: buffer[..<piece.count])
      guard try file.fill(old, from: position, subject: path) == piece.count else { return false }
      guard let left = old.baseAddress, let right = piece.baseAddress else { return true }
      return memcmp(left, right, piece.count) == 0
    }
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    guard lseek(file.number, off_t(position), SEEK_SET) >= 0 else { throw SystemError(call: "lseek", subject: path) }
    try file.writeAll(bytes, subject: path)
  }

  /// What comes next belongs there.
  func move(to position: UInt64) { self.position = position }

  /// Behind its last byte.
  func finish() throws {
    guard position < old else { return }
    guard ftruncate(file.number, off_t(position)) == 0 else { throw SystemError(call: "ftruncate", subject: path) }
  }
}
