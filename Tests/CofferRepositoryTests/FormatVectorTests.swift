import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

/// Bytes that must never change: an old repository must stay readable. A deliberate change of the format changes the
/// format's version, its page, and then these.
@Suite("The format's bytes are what they always were")
struct FormatVectorTests {
  /// 1, 2, 3, ... over and over.
  private let counting: RandomSource = {
    let next = Mutex<UInt8>(0)
    return RandomSource { buffer in
      for position in buffer.indices {
        buffer[position] = next.withLock {
          $0 &+= 1
          return $0
        }
      }
    }
  }()

  private func hash(_ bytes: [UInt8]) throws -> String {
    try bytes.withUnsafeBytes { String(try ContentHasher.hash($0).hex.prefix(16)) }
  }

  private func expectHash(_ actual: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(actual == expected, sourceLocation: sourceLocation)
  }

  private func digest(_ byte: UInt8) -> Digest256 {
    [UInt8](repeating: byte, count: 32).withUnsafeBytes { Digest256($0) }
  }

  private func id(_ byte: UInt8) -> ChunkID {
    [UInt8](repeating: byte, count: 16).withUnsafeBytes { ChunkID($0) }
  }

  @Test("Keys: bundle and wrapped record")
  func keys() throws {
    let bundle = try KeyBundle.generate(random: counting)
    expectHash(try hash(bundle.encoded()), "8ed396e621ef8da7")
    let record = try KeyRecord(
      wrapping: bundle, rootPrivate: try #require(bundle.rootPrivate), passphrase: SecretBytes(passphrase: "p"),
      logN: 4,
      created: Date(timeIntervalSince1970: 1_800_000_000), random: counting)
    expectHash(try hash(record.bytes), "dce653b8da68d2dd")
  }

  @Test("Packs: header with key, directory")
  func packs() throws {
    let data = try X25519.generate(random: counting)
    let session = try X25519.generate(random: counting)
    let shared = try X25519.agree(privateKey: session.privateKey, publicKey: data.publicKey)
    let (header, key) = try PackHeader.make(
      kind: .data, suite: .aes256gcm, ephemeralPublic: session.publicKey, shared: shared, random: counting)
    expectHash(try hash(header.encoded + key.copied()), "15b38ece34e07e0e")
    var directory = PackDirectory()
    directory.append(
      storedLength: 300, plainLength: 500, coding: .zstd, prefix: [],
      chunks: [BlockChunk(id: id(1), length: 200), BlockChunk(id: id(2), length: 300)])
    directory.append(
      storedLength: 40, plainLength: 700, coding: .delta,
      prefix: [.init(pack: digest(9), block: 300, offset: 10, length: 900)],
      chunks: [BlockChunk(id: id(3), length: 700, anchor: 130)])
    let expected =
      "01" + String(repeating: "09", count: 32) + "02" + "ac02f4030102" + String(repeating: "01", count: 16) + "c801"
      + String(repeating: "02", count: 16) + "ac02" + "28bc05020100ac020a840701" + String(repeating: "03", count: 16)
      + "bc058201"
    #expect(Hexadecimal.encode(directory.encoded()) == expected)
  }

  @Test("Index: a segment")
  func index() {
    let pack = IndexedPack(
      digest: digest(7), kind: .tree, size: 1000, plainSize: 3000,
      entries: [
        .init(id: id(1), length: 5, block: 0), .init(id: id(2), length: 300, block: 0),
        .init(id: id(3), length: 8192, block: 1),
      ])
    let expected =
      "01" + String(repeating: "07", count: 32) + "02e807b81702" + "02" + String(repeating: "01", count: 16) + "05"
      + String(repeating: "02", count: 16) + "ac02" + "01" + String(repeating: "03", count: 16) + "8040"
    #expect(Hexadecimal.encode(IndexSegment.encode([pack])) == expected)
  }

  @Test("Index: a segment of a later round, over packs of several keys")
  func laterIndex() {
    func pack(_ byte: UInt8, bases: [Digest256], signer: KeyID?) -> IndexedPack {
      IndexedPack(
        digest: digest(byte), kind: .data, size: 1000, plainSize: 3000,
        entries: [.init(id: id(1), length: 5, block: 0)], bases: bases, signer: signer)
    }
    let signer = KeyID([UInt8](repeating: 0x33, count: 16))
    func part(_ byte: String) -> String {
      String(repeating: byte, count: 32) + "01e807b81701" + "01" + String(repeating: "01", count: 16) + "05"
    }
    let expected =
      "02" + part("07") + part("08") + "01" + String(repeating: "08", count: 32) + "00" + "ac02" + "00" + "01"
      + String(repeating: "33", count: 16)
    let packs = [pack(7, bases: [digest(8)], signer: nil), pack(8, bases: [], signer: signer)]
    #expect(Hexadecimal.encode(IndexSegment.encode(packs, round: 300)) == expected)
  }

  @Test("Rounds: plan, closing, sweep, and the tags of their names")
  func rounds() throws {
    let (one, two) = (String(repeating: "01", count: 32), String(repeating: "02", count: 32))
    let plan = RoundPlan(round: 300, condemned: [digest(2), digest(1)], index: [digest(2)])
    #expect(Hexadecimal.encode(plan.encoded()) == "ac02" + "02" + one + two + "01" + two)
    #expect(Hexadecimal.encode(RoundClosing(round: 300).encoded()) == "ac02")
    let sweep = RoundSweep(round: 1, going: [digest(1)], index: [], census: ["b", "aa"])
    #expect(Hexadecimal.encode(sweep.encoded()) == "01" + "01" + one + "00" + "02" + "026161" + "0162")
    let keys = try KeyBundle.generate(random: counting)
    let header = RepositoryHeader(
      format: 1, id: String(repeating: "ab", count: 16), mode: .repokey, chunker: .standard, packTarget: 1 << 20,
      idSuite: 2, cipherSuite: 1, rootPublic: "", features: nil)
    let tags = try #require(try RootTags(keys, header))
    // python3: HKDF-SHA256 of the root seed with salt b"\xab"*16 and info b"coffer collection tag", then
    // hashlib.blake2b(b'gc/12-plan-', key=key, digest_size=32).hexdigest()[:32]
    let name = try RoundName(round: 12, .plan, tags: tags)
    #expect(name?.objectName.path == "gc/12-plan-b3e9094ef32653c18f8e181a5ec41234")
  }

  @Test("Logs: names with their tags, header with key, directory")
  func logs() throws {
    let keys = try KeyBundle.generate(random: counting)
    let header = RepositoryHeader(
      format: 1, id: String(repeating: "ab", count: 16), mode: .repokey, chunker: .standard, packTarget: 1 << 20,
      idSuite: 2, cipherSuite: 1, rootPublic: "", features: nil)
    func context(_ keys: KeyBundle) -> RepositoryContext {
      RepositoryContext(
        store: RunStore(MemoryStore(), nil), header: header, keys: keys, signers: SignerDirectory([]),
        surroundings: TestRepository.surroundings, remarks: Remarks { _ in })
    }
    let host = try keys.another(.writeOnly, random: counting)
    let server = LogServer(system: "postgresql", identity: "7421000000000000001")
    // python3: HKDF-SHA256 of the index key with salt b"\xab"*16 and info b"coffer log server", then
    // hashlib.blake2b(b"postgresql\0" b"7421000000000000001", key=key, digest_size=32).hexdigest()[:32]
    let id = try server.id(context(keys))
    #expect(id == "b4c5b2f0fe6657b3f919be13e0eb949b")
    #expect(try server.id(context(host)) == id)
    let first = try #require(LogPlace(history: 1, number: 0x1_0000_00fe, exponent: 24))
    let last = try #require(first.next?.next)
    func name(_ kind: LogName.Kind, _ end: LogPlace, _ keys: KeyBundle) throws -> String? {
      try LogName(kind, of: id, first, to: end, LogSigner(keys), tags: LogTags(context(keys)))?.objectName.path
    }
    // The tags: the same of the root seed with info b"coffer collection tag", or of the signing seed with b"coffer log tag", over
    // what stands before them.
    #expect(
      try name(.segment, first, keys)
        == "logs/\(id)-segments/00000001-00000001000000fe-24-full-eb42ce7926772456a4872157a424ffd9")
    #expect(
      try name(.joined, last, keys)
        == "logs/\(id)-joined/00000001-0000000200000000-00000001000000fe-24-full-7fd12f476a6f3e476c03c3fc5d6ac249")
    #expect(
      try name(.file("partial"), first, host)
        == "logs/\(id)-files/00000001-00000001000000fe-24-partial-\(host.id)-c685938265cafa7fe7d18ae44f88fb01")
    for (hashing, expected) in [(SegmentHashing.whole, "e3c48915280d107d"), (.blocks, "4bf1d65840a6116a")] {
      let (logHeader, key) = try LogHeader.make(
        hashing, suite: .aes256gcm, dataPublic: keys.dataPublic, random: counting)
      expectHash(try hash(logHeader.encoded + key.copied()), expected)
    }
    let segment = LogDirectory.Segment(
      size: (1 << 20) + 5, hash: digest(3), time: 0x0102,
      blocks: [.init(storedLength: 300, isCompressed: true), .init(storedLength: 21, isCompressed: false)])
    let directory = LogDirectory(origin: LogOrigin(server, hostname: "h", name: ""), segments: [segment])
    let json = #"{"hostname":"h","identity":"7421000000000000001","name":"","system":"postgresql"}"#
    let expected =
      Hexadecimal.encode([UInt8(json.utf8.count)] + Array(json.utf8)) + "01" + "858040"
      + String(repeating: "03", count: 32)
      + "0201000000000000" + "ac0201" + "1500"
    #expect(Hexadecimal.encode(try directory.encoded()) == expected)
    #expect(try LogDirectory(decoding: directory.encoded(), count: 1) == directory)
  }

  @Test("Recipes: nodes and stream hash")
  func recipes() throws {
    var nodes: [String] = []
    var builder = try RecipeBuilder { node in
      nodes.append(Hexadecimal.encode(node))
      return id(UInt8(nodes.count))
    }
    try builder.append(id(0x80), length: 5)
    try builder.append(id(0x11), length: 1000)
    let stream = try builder.finish()
    #expect(nodes == ["00" + String(repeating: "80", count: 16) + "05" + String(repeating: "11", count: 16) + "e807"])
    // python3: hashlib.blake2b(b'\x80'*16 + (5).to_bytes(4,'little') + b'\x11'*16 + (1000).to_bytes(4,'little'))
    #expect(stream.hash.hex.hasPrefix("0b1d22386b2f3d087161812d"))
    #expect(stream.root == id(1) && stream.depth == 0 && stream.size == 1005 && stream.chunkCount == 2)
  }

  @Test("Archives: items, and a record in its envelope")
  func archives() throws {
    var writer = ByteWriter()
    let stream = StreamReference(root: id(5), depth: 1, size: 300, chunkCount: 2, hash: digest(6))
    ArchiveItem(
      path: ItemPath("a/b"), content: .file(stream), mode: 0o644, userID: 1, groupID: 300, user: "u", modified: 2
    )
    .encode(into: &writer)
    let expected =
      "02" + "03612f62" + "a403" + "01" + "ac02" + "0175" + "00" + "0200000000000000" + "ac0202"
      + String(repeating: "06", count: 32) + "01" + String(repeating: "05", count: 16) + "00"
    #expect(Hexadecimal.encode(writer.bytes) == expected)
    let keys = try KeyBundle.generate(random: counting)
    let sealed = try Envelope(keys: keys, suite: .aes256gcm).seal(
      Array("{}".utf8), purpose: .archive, context: Array("archives/x".utf8), random: counting)
    expectHash(try hash(sealed), "498de3ba47865b9a")
  }
}
