import Foundation
import Testing

@testable import CofferSystem

@Suite("Descriptors")
struct FileDescriptorTests {
  private let path = NSTemporaryDirectory() + "coffer-descriptor-\(UUID().uuidString)"

  private func filled(_ size: Int, from offset: UInt64, of content: [UInt8]) throws -> [UInt8] {
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(content).write(to: URL(fileURLWithPath: path))
    let file = try FileDescriptor(opening: path, flags: O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: size)
    let count = try bytes.withUnsafeMutableBytes { try file.fill($0, from: offset, subject: path) }
    // What reads on is where it was.
    #expect(lseek(file.number, 0, SEEK_CUR) == 0)
    return Array(bytes[..<count])
  }

  @Test(
    "A buffer is filled from a place of a file, as far as the file goes",
    arguments: [(3, 0, [1, 2, 3]), (3, 2, [3, 4, 5]), (3, 4, [5]), (3, 5, []), (3, 900, []), (0, 1, [])]
      as [(
        Int, UInt64, [UInt8]
      )])
  func fill(size: Int, offset: UInt64, expected: [UInt8]) throws {
    #expect(try filled(size, from: offset, of: [1, 2, 3, 4, 5]) == expected)
  }

  @Test("Pieces are written one behind the other, empty ones and more than one call takes among them")
  func pieces() throws {
    defer { try? FileManager.default.removeItem(atPath: path) }
    let content = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    do {
      let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT, mode: 0o600)
      try content.withUnsafeBytes { bytes in
        let pieces = (0..<2500).flatMap { [bytes[$0 * 2..<$0 * 2], bytes[$0 * 2..<$0 * 2 + 2]] }
        try file.writeAll(pieces: pieces.map(UnsafeRawBufferPointer.init(rebasing:)), subject: path)
        try file.writeAll(pieces: [], subject: path)
      }
    }
    #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == content)
  }

  @Test(
    "Of pieces that were written in part, what is left goes on behind the last byte",
    arguments: [(0, [[1, 2], [], [3, 4, 5]]), (1, [[2], [], [3, 4, 5]]), (2, [[3, 4, 5]]), (4, [[5]]), (5, [])]
      as [(Int, [[UInt8]])])
  func partOfPieces(written: Int, expected: [[UInt8]]) {
    ([1, 2, 3, 4, 5] as [UInt8]).withUnsafeBytes { bytes in
      let pieces = [bytes[0..<2], bytes[2..<2], bytes[2..<5]].map(UnsafeRawBufferPointer.init(rebasing:))
      #expect(FileDescriptor.rest(of: pieces[...], behind: written).map(Array.init) == expected)
    }
  }

  @Test("Pieces that cannot be written are an error that names the file")
  func unwritable() throws {
    let file = try FileDescriptor(opening: "/dev/full", flags: O_WRONLY)
    #expect(throws: SystemError(call: "write", subject: "full", code: ENOSPC)) {
      try ([1, 2] as [UInt8]).withUnsafeBytes { bytes in
        try file.writeAll(
          pieces: [bytes[0..<1], bytes[1..<2]].map(UnsafeRawBufferPointer.init(rebasing:)), subject: "full")
      }
    }
  }

  @Test("What cannot be read, and a place that no file has, is an error that names the file")
  func failures() throws {
    #expect(throws: SystemError(call: "read", subject: path, code: EOVERFLOW)) { try filled(1, from: .max, of: []) }
    let folder = try FileDescriptor(opening: "/", flags: O_RDONLY)
    var byte: UInt8 = 0
    #expect(throws: SystemError(call: "read", subject: "/", code: EISDIR)) {
      try withUnsafeMutableBytes(of: &byte) { try folder.fill($0, from: 0, subject: "/") }
    }
  }
}
