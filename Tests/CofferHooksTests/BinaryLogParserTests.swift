import CofferSystem
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What comes of a binary log, event by event")
struct BinaryLogParserTests {
  private static func file() -> BinaryLogBuilder {
    var file = BinaryLogBuilder()
    file.addGTIDList([(0, 7, 3), (0, 8, 4), (2, 7, 9)])
    file.addGTID(5)
    file.add(2, Array("INSERT".utf8))
    file.add(16, [1, 2, 3, 4, 5, 6, 7, 8])
    file.addGTID(10, domain: 2)
    file.add(2, [UInt8](repeating: 7, count: 5000))
    file.add(4, [4, 0, 0, 0, 0, 0, 0, 0] + Array("binlog.000002".utf8))
    return file
  }

  private struct Read {
    var events: [UInt8] = []
    var ends: [UInt64] = []
    var gtids: [String?] = []
  }

  /// Reads a file that comes in pieces.
  private static func read(
    _ bytes: [UInt8], piece: Int, from position: UInt64 = 4, _ parser: inout BinaryLogParser
  ) throws -> Read {
    var read = Read()
    for start in stride(from: 0, to: bytes.count, by: piece) {
      bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { parser.append($0) }
      while let item = try parser.next() {
        read.events += item.bytes
        read.ends.append(item.range.upperBound)
        read.gtids.append(item.gtids.text)
      }
    }
    return read
  }

  @Test(
    "Events are whole however they come, with their places and MariaDB's position",
    arguments: [1, 7, 19, 4096, 1 << 20])
  func pieces(piece: Int) throws {
    let file = Self.file()
    var parser = BinaryLogParser(from: 4)
    let read = try Self.read(file.bytes, piece: piece, &parser)
    #expect(read.events == Array(file.bytes.dropFirst(4)))
    #expect(read.ends == file.ends)
    #expect(parser.position == UInt64(file.bytes.count) && parser.isAtBoundary && parser.hasEnded)
    #expect(parser.created == BinaryLogBuilder.time && parser.serverID == 7)
    // Of a domain the last of the list counts, and a group counts from its beginning.
    let list = "0-8-4,2-7-9"
    #expect(
      read.gtids == [nil, nil, list, "0-7-5,2-7-9", "0-7-5,2-7-9", "0-7-5,2-7-9", "0-7-5,2-7-10", "0-7-5,2-7-10"])
    #expect(parser.gtids.text == "0-7-5,2-7-10")
  }

  @Test("Who begins in the middle is sent the format without a place, and events from there on")
  func middle() throws {
    let whole = Self.file()
    let (start, format) = (Int(whole.ends[1]), Int(whole.ends[0]))
    var head = Array(whole.bytes[4..<format])
    head.replaceSubrange(13..<17, with: [0, 0, 0, 0])
    var sum = CRC32()
    head.dropLast(4).withUnsafeBytes { sum.update($0) }
    head.replaceSubrange((head.count - 4)..., with: withUnsafeBytes(of: sum.value.littleEndian) { Array($0) })
    var parser = BinaryLogParser(from: UInt64(start), gtids: try #require(GTIDPosition("0-8-4,2-7-9")))
    let read = try Self.read(Array(whole.bytes[..<4]) + head + whole.bytes[start...], piece: 100, &parser)
    #expect(read.events == Array(whole.bytes[start...]))
    #expect(read.gtids.first == "0-8-4,2-7-9" && parser.gtids.text == "0-7-5,2-7-10")
    #expect(parser.format == head)
  }

  @Test("One byte that is another is seen, wherever it is, where the file has checksums")
  func checksums() throws {
    let file = Self.file()
    for place in stride(from: 4, to: file.bytes.count, by: 13) {
      var bytes = file.bytes
      bytes[place] ^= 0x10
      var parser = BinaryLogParser(from: 4)
      // What makes an event longer makes it wait for more.
      let read = try? Self.read(bytes, piece: 1 << 20, &parser)
      #expect(read == nil || !parser.isAtBoundary, "byte \(place)")
    }
  }

  @Test("What is missing, or comes behind the end, is seen, and what the server tells its reader is in no file")
  func places() throws {
    func fault(_ change: (inout BinaryLogBuilder) -> Void) -> BinaryLogParser.Fault? {
      var file = BinaryLogBuilder()
      change(&file)
      var parser = BinaryLogParser(from: 4)
      do {
        _ = try Self.read(file.bytes, piece: 1 << 20, &parser)
        return nil
      } catch {
        return error as? BinaryLogParser.Fault
      }
    }
    let start = BinaryLogBuilder().ends[0]
    #expect(
      fault {
        $0.hide(40)
        $0.add(2, [1])
      } == .place(expected: start))
    #expect(
      fault {
        $0.add(2, [1])
        $0.hide(40)
        $0.add(2, [1])
      } == .place(expected: start + 24))
    #expect(
      fault {
        $0.add(3, [])
        $0.add(2, [1])
      } == .place(expected: start + 23))
    #expect(fault { $0.add(15, [1]) } == .format)
    #expect(
      fault {
        $0.add(4, [1], flags: 0x20)
        $0.add(27, [1])
      } == nil)
    var parser = BinaryLogParser(from: 4)
    #expect(throws: BinaryLogParser.Fault.magic) { try Self.read([1, 2, 3, 4], piece: 4, &parser) }
  }

  @Test("An event that ends at a multiple of 4 GiB is of the file, and what the server tells its reader there is not")
  func fourGiB() throws {
    var head = BinaryLogBuilder()
    var file = BinaryLogBuilder(hasChecksums: true)
    let format = head.bytes.count - 4
    // Of 100 bytes, of which the last is the last of 4 GiB.
    file.add(2, [UInt8](repeating: 7, count: 77), end: 0)
    let event = Array(file.bytes.suffix(100))
    head.add(2, [9], end: 24)
    let next = Array(head.bytes.suffix(24))
    var told = BinaryLogBuilder()
    told.add(4, [UInt8](repeating: 1, count: 77), flags: 0x20, end: 0)
    told.add(27, [UInt8](repeating: 1, count: 77), end: 0)
    var start = Array(file.bytes[4..<4 + format])
    start.replaceSubrange(13..<17, with: [0, 0, 0, 0])
    var sum = CRC32()
    start.dropLast(4).withUnsafeBytes { sum.update($0) }
    start.replaceSubrange((start.count - 4)..., with: withUnsafeBytes(of: sum.value.littleEndian) { Array($0) })
    let bytes = BinaryLogParser.magic + start + told.bytes.dropFirst(4 + format) + event + next
    var parser = BinaryLogParser(from: 1 << 32 - 100)
    let read = try Self.read(bytes, piece: 50, &parser)
    #expect(read.events == event + next && read.ends == [1 << 32, 1 << 32 + 24])
  }

  @Test("An event that says it is larger than any can be is not waited for")
  func sizes() throws {
    let file = BinaryLogBuilder()
    for size in [0, 18, UInt32(1 << 30), UInt32.max] {
      var bytes = file.bytes + [UInt8](repeating: 1, count: 30)
      bytes.replaceSubrange(
        file.bytes.count + 9..<file.bytes.count + 13, with: withUnsafeBytes(of: size.littleEndian) { Array($0) })
      var parser = BinaryLogParser(from: 4)
      #expect(throws: BinaryLogParser.Fault.size(at: UInt64(file.bytes.count))) {
        try Self.read(bytes, piece: 1 << 20, &parser)
      }
    }
  }

  @Test("Files without checksums are read, and hostile bytes trap nowhere")
  func fuzz() throws {
    var plain = BinaryLogBuilder(hasChecksums: false)
    plain.addGTID(1)
    var parser = BinaryLogParser(from: 4)
    #expect(try Self.read(plain.bytes, piece: 9, &parser).ends == plain.ends)
    var random = SeededRandom(7)
    for _ in 1...3000 {
      var bytes = plain.bytes + Self.file().bytes.dropFirst(4)
      for _ in 1...3 { bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next()) }
      var parser = BinaryLogParser(from: random.next() % 3 == 0 ? .max : 4)
      _ = try? Self.read(bytes, piece: 1000, &parser)
    }
  }

  @Test("Names of files count on, and none leads elsewhere")
  func names() throws {
    let name = try #require(BinaryLogFileName("mysql-bin.000009"))
    #expect(name.number == 9 && name.next?.text == "mysql-bin.000010")
    #expect(BinaryLogFileName("a.999999")?.next?.text == "a.1000000")
    #expect(BinaryLogFileName("a.b.01").map { $0.isBeside(name) } == false)
    #expect(BinaryLogFileName("a.\(UInt64.max)")?.next == nil)
    for wrong in ["", ".1", "a", "a.", "a.x1", "../a.1", "a/b.1", "-a.1", "a\n.1", "a.99999999999999999999999", "a.-1"]
    {
      #expect(BinaryLogFileName(wrong) == nil, "\(wrong)")
    }
    #expect(BinaryLogFileName(String(repeating: "a", count: 254) + ".1") == nil)
  }
}
