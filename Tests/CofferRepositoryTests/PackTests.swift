import Testing

@testable import CofferRepository

@Suite("Packs")
struct PackTests {
  private func digest(_ byte: UInt8) -> Digest256 {
    [UInt8](repeating: byte, count: 32).withUnsafeBytes { Digest256($0) }
  }

  private func id(_ byte: UInt8) -> ChunkID {
    [UInt8](repeating: byte, count: 16).withUnsafeBytes { ChunkID($0) }
  }

  private var sample: PackDirectory {
    var directory = PackDirectory()
    directory.append(
      storedLength: 500, plainLength: 3000, coding: .zstd, prefix: [],
      chunks: [BlockChunk(id: id(1), length: 1000), BlockChunk(id: id(2), length: 2000)])
    directory.append(
      storedLength: 90, plainLength: 700, coding: .delta,
      prefix: [.init(pack: digest(9), block: 3, offset: 10, length: 900)],
      chunks: [BlockChunk(id: id(3), length: 700, anchor: 120)])
    directory.append(
      storedLength: 66, plainLength: 50, coding: .stored, prefix: [], chunks: [BlockChunk(id: id(4), length: 50)])
    return directory
  }

  @Test("A directory comes back from its encoding, padding or not")
  func directoryRoundTrip() throws {
    let bytes = sample.encoded()
    let end = PackHeader.size + 656
    #expect(try bytes.withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: end) } == sample)
    let padded = bytes + [UInt8](repeating: 0, count: 100)
    #expect(try padded.withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: end) } == sample)
  }

  @Test("A directory that does not fit its pack is refused, and so is every truncation")
  func directoryMalformed() throws {
    let bytes = sample.encoded()
    let end = PackHeader.size + 656
    for count in 0..<bytes.count {
      #expect(throws: ByteReader.Malformed.self) {
        try Array(bytes[..<count]).withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: end) }
      }
    }
    for wrong in [end - 1, end + 1] {
      #expect(throws: ByteReader.Malformed.self) {
        try bytes.withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: wrong) }
      }
    }
    #expect(throws: ByteReader.Malformed.self) {
      try (bytes + [1]).withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: end) }
    }
  }

  @Test(
    "Blocks that are short have parts of the pack that they are read with, which hold them whole and do not overlap")
  func neighbourhoods() {
    var directory = PackDirectory()
    for number in 0..<400 {
      let stored = number.isMultiple(of: 50) ? 100_000 : 200 + number * 37 % 3000
      directory.append(
        storedLength: stored, plainLength: 10, coding: .zstd, prefix: [], chunks: [BlockChunk(id: id(1), length: 10)])
    }
    let end = directory.blocks.reduce(PackHeader.size) { $0 + $1.storedLength }
    var parts: Set<Range<Int>> = []
    var alone = 0
    for (number, block) in directory.blocks.enumerated() {
      guard let part = directory.neighbourhood(of: number) else {
        alone += 1
        continue
      }
      #expect(block.storedLength < 4000)
      #expect(part.lowerBound <= block.offset && block.offset + block.storedLength <= part.upperBound)
      #expect(part.upperBound <= end)
      parts.insert(part)
    }
    let ordered = parts.sorted { $0.lowerBound < $1.lowerBound }
    #expect(zip(ordered, ordered.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
    #expect(directory.neighbourhood(of: 400) == nil && directory.neighbourhood(of: -1) == nil)
    // The eight long ones, and those on a border.
    #expect((8...30).contains(alone), "\(alone)")
    #expect(parts.count < 30)
  }

  @Test("A length that claims more than there is allocates nothing and is refused")
  func hostileLengths() {
    var writer = ByteWriter()
    writer.varint(UInt64.max)
    #expect(throws: ByteReader.Malformed.self) {
      try writer.bytes.withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: 200) }
    }
    #expect(throws: ByteReader.Malformed.self) {
      try [UInt8](repeating: 0xff, count: 12).withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return try reader.varint()
      }
    }
  }

  @Test("The header gives the pack's key to the holder of the data key alone, and a changed one to nobody")
  func header() throws {
    let data = try X25519.generate(random: .system)
    let session = try X25519.generate(random: .system)
    let shared = try X25519.agree(privateKey: session.privateKey, publicKey: data.publicKey)
    let (header, key) = try PackHeader.make(
      kind: .data, suite: .aes256gcm, ephemeralPublic: session.publicKey, shared: shared, random: .system)
    let encoded = header.encoded
    #expect(encoded.count == PackHeader.size)
    #expect(encoded.withUnsafeBytes { PackHeader(decoding: $0) } == header)
    #expect(try header.key(dataPrivate: data.privateKey)?.isEqual(to: key) == true)
    #expect(try header.key(dataPrivate: X25519.generate(random: .system).privateKey) == nil)
    for position in 0..<PackHeader.size {
      var changed = encoded
      changed[position] ^= 0x10
      guard let other = changed.withUnsafeBytes({ PackHeader(decoding: $0) }) else { continue }
      #expect(try other.key(dataPrivate: data.privateKey) == nil, "byte \(position)")
    }
  }

  @Test("A trailer must fit the pack it ends")
  func trailer() {
    let trailer = PackTrailer(directoryOffset: 500, directoryLength: 100)
    #expect(trailer.encoded.withUnsafeBytes { PackTrailer(decoding: $0, packSize: 624) } == trailer)
    for size in [623, 625, 100] {
      #expect(trailer.encoded.withUnsafeBytes { PackTrailer(decoding: $0, packSize: size) } == nil)
    }
  }

  @Test("Padded sizes are at most 12 % larger and few")
  func padme() {
    var sizes: Set<Int> = []
    for size in stride(from: 1000, to: 1_000_000, by: 997) {
      let padded = Padding.padme(size)
      #expect(padded >= size && Double(padded) < Double(size) * 1.12)
      sizes.insert(padded)
    }
    #expect(sizes.count < 200)
  }
}
