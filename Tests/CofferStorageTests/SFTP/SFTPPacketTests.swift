import CofferSystem
import Testing

@testable import CofferStorage

/// The packets as the protocol lays them out, byte by byte (draft-ietf-secsh-filexfer-02; OpenSSH's PROTOCOL).
@Suite("SFTP's packets")
struct SFTPPacketTests {
  /// Text stands for itself, numbers for bytes.
  private static func bytes(_ parts: [Any]) -> [UInt8] {
    parts.flatMap { part -> [UInt8] in
      if let text = part as? String { return Array(text.utf8) }
      return (part as? Int).map { [UInt8($0)] } ?? []
    }
  }

  private func bytes(_ parts: Any...) -> [UInt8] { Self.bytes(parts) }

  @Test("Each request is laid out as the protocol says")
  func requests() {
    let handle: SFTPHandle = [0, 0, 0, 7]
    let expected: [(SFTPRequest, UInt8, [UInt8])] = [
      (.open("/a", .read), 3, bytes(0, 0, 0, 2, "/a", 0, 0, 0, 1, 0, 0, 0, 0)),
      (
        .open("é", .create, permissions: 0o600), 3,
        bytes(0, 0, 0, 2, 0xc3, 0xa9, 0, 0, 0, 0x2a, 0, 0, 0, 4, 0, 0, 1, 0x80)
      ),
      (.close(handle), 4, bytes(0, 0, 0, 4, 0, 0, 0, 7)),
      (
        .read(handle, from: 0x0102_0304_0506_0708, count: 0x8000), 5,
        bytes(0, 0, 0, 4, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x80, 0)
      ),
      (
        [UInt8]("xyz".utf8).withUnsafeBytes { .write(handle, at: 256, $0) }, 6,
        bytes(0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, "xyz")
      ),
      (.linkStatus("a"), 7, bytes(0, 0, 0, 1, "a")),
      (.status("a"), 17, bytes(0, 0, 0, 1, "a")),
      (.openFolder("/"), 11, bytes(0, 0, 0, 1, "/")),
      (.readFolder(handle), 12, bytes(0, 0, 0, 4, 0, 0, 0, 7)),
      (.remove("a"), 13, bytes(0, 0, 0, 1, "a")),
      (.makeFolder("d", permissions: 0o700), 14, bytes(0, 0, 0, 1, "d", 0, 0, 0, 4, 0, 0, 1, 0xc0)),
      (.rename("a", to: "b"), 18, bytes(0, 0, 0, 1, "a", 0, 0, 0, 1, "b")),
      (
        .replace("new", by: "o"), 200,
        bytes(0, 0, 0, 24, "posix-rename@openssh.com", 0, 0, 0, 1, "o", 0, 0, 0, 3, "new")
      ),
      (
        .link("old", as: "n"), 200,
        bytes(0, 0, 0, 20, "hardlink@openssh.com", 0, 0, 0, 3, "old", 0, 0, 0, 1, "n")
      ),
      (.sync(handle), 200, bytes(0, 0, 0, 17, "fsync@openssh.com", 0, 0, 0, 4, 0, 0, 0, 7)),
      (.limits, 200, bytes(0, 0, 0, 18, "limits@openssh.com")),
      (.room("/r"), 200, bytes(0, 0, 0, 19, "statvfs@openssh.com", 0, 0, 0, 2, "/r")),
    ]
    for (request, type, payload) in expected {
      #expect(request.type == type && request.payload == payload, "\(request.operation)")
    }
    #expect(SFTPLink.greeting.encoded() == [0, 0, 0, 5, 1, 0, 0, 0, 3])
  }

  @Test("Each answer is read as the protocol says")
  func answers() throws {
    func reply(_ type: UInt8, _ payload: [UInt8]) throws -> SFTPReply { try SFTPReply(type: type, payload: payload) }
    #expect(
      try reply(101, bytes(0, 0, 0, 2, 0, 0, 0, 4, "gone", 0, 0, 0, 2, "en"))
        == .status(SFTPStatus(.noSuchFile, "gone")))
    #expect(try reply(101, bytes(0, 0, 0, 0)) == .status(SFTPStatus(.ok)))
    #expect(try reply(101, bytes(0, 0, 0, 99)) == .status(SFTPStatus(.failure)))
    #expect(try reply(102, bytes(0, 0, 0, 2, "hh")) == .handle(Array("hh".utf8)))
    #expect(try reply(103, bytes(0, 0, 0, 3, 1, 2, 3)) == .data([1, 2, 3]))
    var attributes = SFTPAttributes(permissions: 0o100600)
    attributes.size = 0x1_0000_0002
    attributes.modified = 5
    let all = bytes(
      0x80, 0, 0, 0x0f, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0x81, 0x80, 0, 0, 0, 4, 0, 0, 0, 5,
      0, 0, 0, 1, 0, 0, 0, 1, "k", 0, 0, 0, 2, "vv")
    #expect(try reply(105, all) == .attributes(attributes))
    #expect(attributes.kind == .file)
    #expect(try reply(105, [0, 0, 0, 0]) == .attributes(SFTPAttributes()))
    #expect(SFTPAttributes().kind == nil)
    #expect(SFTPAttributes(permissions: 0o755).kind == nil)
    #expect(SFTPAttributes(permissions: 0o040755).kind == .folder)
    #expect(SFTPAttributes(permissions: 0o120777).kind == .other)
    #expect(
      try reply(
        104,
        bytes(0, 0, 0, 2, 0, 0, 0, 1, "a", 0, 0, 0, 2, "-a", 0, 0, 0, 0, 0, 0, 0, 2, 0xff, "b", 0, 0, 0, 0)
          + all)
        == .names([
          SFTPEntry(name: Array("a".utf8), attributes: SFTPAttributes()),
          SFTPEntry(name: [0xff, UInt8(ascii: "b")], attributes: attributes),
        ]))
    #expect(try reply(104, [0, 0, 0, 0]) == .names([]))
    #expect(try reply(201, [1, 2]) == .extended([1, 2]))
  }

  @Test("An answer that is cut off anywhere, or counts more than it has, is refused")
  func malformed() throws {
    let whole: [(UInt8, [UInt8])] = [
      (101, bytes(0, 0, 0, 2, 0, 0, 0, 4, "gone")),
      (102, bytes(0, 0, 0, 2, "hh")), (103, bytes(0, 0, 0, 3, 1, 2, 3)),
      (104, bytes(0, 0, 0, 1, 0, 0, 0, 1, "a", 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0x81, 0x80)),
      (105, bytes(0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 5)),
    ]
    for (type, payload) in whole {
      _ = try SFTPReply(type: type, payload: payload)
      for count in 0..<payload.count {
        // A status without words is one.
        if type == 101 && count == 4 { continue }
        #expect(throws: SFTPReader.Malformed.self, "type \(type) of \(count) bytes") {
          try SFTPReply(type: type, payload: Array(payload.prefix(count)))
        }
      }
    }
    let huge = bytes(0xff, 0xff, 0xff, 0xff)
    for type: UInt8 in [102, 103, 104] {
      #expect(throws: SFTPReader.Malformed.self) { try SFTPReply(type: type, payload: huge + [1, 2, 3]) }
    }
    // So many extended attributes that none of them is there.
    #expect(throws: SFTPReader.Malformed.self) {
      try SFTPReply(type: 105, payload: bytes(0x80, 0, 0, 0) + huge)
    }
    #expect(throws: SFTPReader.Malformed.self) {
      try SFTPReply(type: 102, payload: bytes(0, 0, 1, 1) + [UInt8](repeating: 0, count: 257))
    }
    #expect(throws: SFTPReader.Malformed.self) { try SFTPReply(type: 99, payload: []) }
  }

  @Test("A name that no folder can hold is refused", arguments: ["", "a/b", "/", "../x", "a\0b"])
  func names(name: String) {
    var writer = SFTPWriter()
    writer.uint32(1)
    writer.string(name)
    writer.string("")
    writer.uint32(0)
    #expect(throws: SFTPReader.Malformed.self) { try SFTPReply(type: 104, payload: writer.bytes) }
  }

  @Test("Extensions count in the version that is spoken here, and others are passed over")
  func extensions() throws {
    var writer = SFTPWriter()
    for (name, version) in [
      ("fsync@openssh.com", "1"), ("hardlink@openssh.com", "2"), ("statvfs@openssh.com", "2"), ("x@y", ""),
      ("limits@openssh.com", "1"), ("posix-rename@openssh.com", "10"),
    ] {
      writer.string(name)
      writer.string(version)
    }
    #expect(try SFTPExtension.offered(in: writer.bytes) == [.sync, .room, .limits])
    #expect(try SFTPExtension.offered(in: []) == [])
    #expect(throws: SFTPReader.Malformed.self) { try SFTPExtension.offered(in: writer.bytes.dropLast()) }
  }

  @Test("Limits are kept within what a server can mean, and room is not more than can be counted")
  func limits() throws {
    func limits(_ read: UInt64, _ write: UInt64) throws -> SFTPLimits {
      var writer = SFTPWriter()
      for number in [262_144, read, write, 100] { writer.uint64(number) }
      return try SFTPLimits(writer.bytes)
    }
    #expect(try limits(0, 0) == .standard)
    let openSSH = try limits(261_120, 261_120)
    #expect(openSSH.read == 261_120 && openSSH.write == 261_120)
    let extreme = try limits(1, .max)
    #expect(extreme.read == SFTPLimits.smallest && extreme.write == 255 << 10)
    func room(_ numbers: UInt64...) throws -> SFTPRoom {
      var writer = SFTPWriter()
      for number in numbers { writer.uint64(number) }
      return try SFTPRoom(writer.bytes)
    }
    let room0 = try room(1, 4096, 100, 60, 50, 1000, 20, 10, 0, 0, 255)
    #expect(room0.bytes == 50 * 4096 && room0.files == 10)
    let room1 = try room(1, .max, 100, 60, 2, 0, 0, 0, 0, 0, 255)
    #expect(room1.bytes == .max && room1.files == nil)
  }

  @Test(
    "The folder above a path", arguments: [("/a/b", "/a"), ("/a", "/"), ("a/b", "a"), ("a", "."), ("/a//b/", "/a")])
  func parents(path: String, parent: String) {
    #expect(SFTPPath.parent(of: path) == parent)
    #expect(SFTPPath.joined("/", "a") == "/a" && SFTPPath.joined("x", ["a", "b"]) == "x/a/b")
  }

  @Test("No folder is above the root and the account's own")
  func withoutParent() {
    for path in ["/", "."] {
      let parent = SFTPPath.parent(of: path)
      #expect(parent == nil)
    }
  }
}
