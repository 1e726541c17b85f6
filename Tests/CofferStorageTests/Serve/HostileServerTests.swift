import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("A server that is no honest one")
struct HostileServerTests {
  private typealias Answer = ServeProtocol.Answer

  /// Answers the requests of a client with what a test says.
  private static func serving(
    _ answers: @escaping @Sendable (Frame) -> [UInt8]
  ) -> @Sendable (_ input: Int32, _ output: Int32) -> Void {
    { input, output in
      var parser = FrameParser(limit: ServeProtocol.payloadLimit)
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = read(input, &buffer, buffer.count)
        guard count > 0 else { return }
        buffer.withUnsafeBytes { parser.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        while let frame = try? parser.next() {
          for piece in answers(frame).chunked(1 << 16) {
            var rest = piece
            while !rest.isEmpty {
              let sent = rest.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
              if sent < 0 && errno == EAGAIN {
                var room = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
                _ = poll(&room, 1, 1000)
                continue
              }
              guard sent > 0 else { return }
              rest = Array(rest.dropFirst(sent))
            }
          }
        }
      }
    }
  }

  private static func status(_ path: String, size: UInt64 = 1) -> [UInt8] {
    var writer = PayloadWriter()
    writer.add(path)
    writer.add(size)
    writer.add(Int64(0))
    return writer.bytes
  }

  private static func number(_ value: UInt64) -> [UInt8] {
    var writer = PayloadWriter()
    writer.add(value)
    return writer.bytes
  }

  private static func frame(_ type: Answer, _ id: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
    Frame(type.rawValue, id: id, payload).encoded()
  }

  /// Every call that has an answer, with what it may not be answered.
  @Test(
    "An answer that is none breaks the connection, and is worth another try",
    arguments: [
      "an unknown type", "another's id", "a second answer", "a short get", "a long get",
      "a get of other bytes than it says",
      "a status of another object", "a size beyond all", "a welcome", "a page in answer to a get", "half a status",
    ])
  func nonsense(_ what: String) throws {
    let store = ServedStore("/r") { _ in
      Self.serving { frame in
        let id = frame.id
        guard let type = ServeProtocol.Request(rawValue: frame.type), type != .hello else { return [] }
        switch what {
        case "an unknown type": return Frame(200, id: id).encoded()
        case "another's id": return Self.frame(.done, id &+ 1)
        case "a second answer": return Self.frame(.welcome, 0) + Self.frame(.welcome, 0)
        case "a short get": return Self.frame(.piece, id, [1]) + Self.frame(.done, id, Self.number(1))
        case "a long get": return Self.frame(.piece, id, [1, 2, 3, 4]) + Self.frame(.done, id, Self.number(4))
        case "a get of other bytes than it says":
          return Self.frame(.piece, id, [1, 2, 3]) + Self.frame(.done, id, Self.number(2))
        case "a status of another object": return Self.frame(.status, id, Self.status("b"))
        case "a size beyond all": return Self.frame(.status, id, Self.status("a", size: .max))
        case "a welcome": return Self.frame(.welcome, id)
        case "a page in answer to a get": return Self.frame(.page, id, [0])
        default: return Self.frame(.status, id, Array(Self.status("a").dropLast(1)))
        }
      }
    }
    let name = try objectName("a")
    for call in [{ _ = try store.get(name, range: 0..<3) }, { _ = try store.status(of: name) }] as [() throws -> Void] {
      let error = #expect(throws: StorageError.self) { try call() }
      #expect(error?.kind == .transient)
    }
  }

  @Test(
    "A list in disorder, with repetitions, of other folders or with names that are none is refused, and never taken",
    arguments: [
      ["packs/b", "packs/a"], ["packs/a", "packs/a"], ["index/a"], ["packs/../x"], ["packs/A"], ["packs/a\n"],
      ["/packs/a"], ["packs"], ["packs/.tmp-1"],
    ])
  func lists(_ paths: [String]) throws {
    let store = ServedStore("/r") { _ in
      Self.serving { frame in
        guard frame.id != 0 else { return [] }
        return Self.frame(.done, frame.id, paths.flatMap { Self.status($0) })
      }
    }
    let error = #expect(throws: StorageError.self) {
      try store.list("packs", after: nil, cancellation: nil) { _ in Issue.record("it was taken") }
    }
    #expect(error?.kind == .transient)
  }

  @Test("A list without end ends, because no name comes twice")
  func endlessList() throws {
    let store = ServedStore("/r") { _ in
      Self.serving { frame in
        frame.id == 0 ? [] : Self.frame(.page, frame.id, Self.status("packs/a"))
      }
    }
    #expect(throws: StorageError.self) { try store.list("packs") }
  }

  @Test("What a shell prints is shown, and no length makes anybody allocate it")
  func shell() throws {
    for text in ["Welcome to db1!\n", "\u{7f}\u{7f}\u{7f}\u{7f} and more of it", "\0\0\0\u{1}"] {
      let store = ServedStore("/r") { _ in Self.serving { $0.id == 0 ? Array(text.utf8) : [] } }
      let error = #expect(throws: StorageError.self) { try store.list("") }
      #expect(error?.kind == .permanent && error?.description.contains("it is no server's") == true)
    }
  }

  @Test("An answer of many frames that nobody takes does not fill the memory, and what comes after a stop is dropped")
  func flood() throws {
    let sent = Mutex(0)
    let store = ServedStore("/r", stall: 2) { _ in
      Self.serving { frame in
        guard frame.type == ServeProtocol.Request.get.rawValue else { return [] }
        sent.withLock { $0 += 1 }
        // More than was asked for, in one go.
        return (0..<64).flatMap { _ in Self.frame(.piece, frame.id, [UInt8](repeating: 1, count: 1 << 18)) }
      }
    }
    let error = #expect(throws: StorageError.self) { try store.get(try objectName("a"), range: 0..<1000) }
    #expect(error?.kind == .transient)
    #expect(sent.withLock { $0 } == 1)
  }

  @Test("Failures come with their kinds and words, and a kind of a later version is permanent")
  func failures() throws {
    let (name, place) = (try objectName("a"), "ssh://h/r")
    let errors: [StorageError] = [
      .exists(name, location: place), .occupied(name, location: place), .missing(name, location: place),
      .reserved(name, location: place, path: "/srv/r/a"), .truncated(name, location: place),
      .tooLarge(name, location: place, size: 77), .full(name, location: place),
      .failed(name, location: place, StorageFailure(.denied, "open", reason: "no", suggestion: "ask")),
      .failed(name, location: place, StorageFailure(.transient, "read", reason: "later")),
      .failed(name, location: place, StorageFailure(.permanent, "write", reason: "never")),
    ]
    for error in errors {
      let told = try ServeFailure(decoding: ServeFailure(error).encoded())
      #expect(told.storageError(name, location: place) == error)
    }
    var bytes = ServeFailure(.transient, "x").encoded()
    bytes[0] = 99
    #expect(try ServeFailure(decoding: bytes).kind == .permanent)
    #expect(ServeFailure(.cancelled(location: place)).kind == .transient)
  }

  @Test(
    "A welcome that is none, or in a version that was not offered, breaks the connection",
    arguments: [[], [0, 1], [0, 4, 0], [0, 0, 0], [0, 1, 0, 7]] as [[UInt8]])
  func welcome(_ payload: [UInt8]) throws {
    let store = ServedStore("/r") { _ in
      Self.serving { frame in
        frame.id == 0 ? Self.frame(.welcome, 0, payload) : Self.frame(.done, frame.id)
      }
    }
    let error = #expect(throws: StorageError.self) { try store.delete(try objectName("a"), cancellation: nil) }
    #expect(error?.kind == .transient)
    #expect(store.abilities.remarks.isEmpty)
  }

  @Test("What the host says of its file system is told once each, as text that steers no terminal, and not without end")
  func remarks() throws {
    let told = Mutex<[String]>([])
    let count = Mutex(0)
    let store = ServedStore("/r", warn: { diagnosis in told.withLock { $0.append(diagnosis.problem) } }) { _ in
      Self.serving { frame in
        guard frame.id != 0 else { return Self.frame(.welcome, 0, [0, 1, 1]) }
        guard frame.type != ServeProtocol.Request.piece.rawValue else { return [] }
        var writer = PayloadWriter()
        let number = count.withLock { count in
          defer { count += 1 }
          return count
        }
        for text in ["no links", "red \u{1b}[31m", "number \(number / 2)" + String(repeating: "x", count: 1000)] {
          writer.add(text)
        }
        return Self.frame(.done, frame.id, writer.bytes)
      }
    }
    #expect(store.abilities.remarks.isEmpty)
    try store.makePlace(cancellation: nil)
    for number in 0..<20 { try store.put(try objectName("a\(number)"), [1]) }
    let texts = told.withLock { $0 }
    #expect(texts.count == 8 && texts[0] == "no links" && texts[1] == "red \\x1b[31m")
    #expect(texts.allSatisfy { $0.utf8.count <= 500 })
    let abilities = store.abilities
    #expect(abilities.refusesTakenNames == true && abilities.readsParts == true && abilities.keepsOwnTimes == true)
    #expect(abilities.remarks.first?.contains("--append-only") == true && Array(abilities.remarks.dropFirst()) == texts)
    // What is no text is no remark.
    let garbled = ServedStore("/r") { _ in
      Self.serving { $0.id == 0 ? Self.frame(.welcome, 0, [0, 1, 0]) : Self.frame(.done, $0.id, [0, 0, 0, 9, 1]) }
    }
    #expect(throws: StorageError.self) { try garbled.makePlace(cancellation: nil) }
  }

  @Test("Random bytes in place of answers end every call")
  func random() throws {
    Fuzz.run(.remoteFrames, atLeast: 60) { random in
      let noise = (0..<Int.random(in: 1...200, using: &random)).map { _ in UInt8.random(in: 0...3, using: &random) }
      let type = random.pick([65, 66, 67, 68, 69, 70] as [UInt8])
      let isFramed = random.pick([true, true, false])
      let store = ServedStore("/r", stall: 0.05) { _ in
        Self.serving { isFramed ? Frame(type, id: $0.id, noise).encoded() : noise }
      }
      guard let name = ObjectName("a") else { return }
      _ = try? store.get(name, range: 0..<200, cancellation: nil)
      _ = try? store.status(of: name, cancellation: nil)
      _ = try? store.list("", cancellation: nil)
      _ = try? store.unfinishedPuts(cancellation: nil)
    }
  }
}

extension [UInt8] {
  fileprivate func chunked(_ size: Int) -> [[UInt8]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
