import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Several connections to one place")
struct RemoteLinkTests {
  /// What the other side of a connection does with the greeting.
  private enum Answer {
    case comes, waits, ends
  }

  private static let rules = FrameConnection.Rules(
    greetingID: 0, meaning: { _, _ in StorageFailure(.transient, "connection", reason: "it ended") },
    nonsense: { _, _ in StorageFailure(.permanent, "connection", reason: "no frame") })

  private static let megabyte = 1 << 20

  private static func connection(_ answer: Answer) throws -> FrameConnection {
    let channel = try LoopChannel { input, output in
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while read(input, &buffer, buffer.count) > 0 {
        switch answer {
        case .comes:
          let bytes = Frame(1, id: 0).encoded()
          _ = bytes.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
        case .waits: continue
        case .ends: return
        }
      }
    }
    return try FrameConnection(
      channel, greeting: Frame(1, id: 0), limits: FrameConnection.Limits(payload: 1 << 10), rules: rules, clock: .system
    )
  }

  /// A link, and the connections that it has made.
  private final class Made: Sendable {
    let connections = Mutex<[FrameConnection]>([])
    var count: Int { connections.withLock { $0.count } }
    func number(of connection: FrameConnection) -> Int? {
      connections.withLock { $0.firstIndex { $0 === connection } }
    }
  }

  private static func link(_ answers: Answer...) -> (RemoteLink, Made) {
    let made = Made()
    let link = RemoteLink(limit: answers.count) { (_) throws(RemoteError) in
      do {
        let connection = try connection(answers[min(made.count, answers.count - 1)])
        made.connections.withLock { $0.append(connection) }
        return connection
      } catch { throw .broken(StorageFailure(.permanent, "connect", reason: "\(error)")) }
    }
    return (link, made)
  }

  @Test(
    "Large transfers go where least is to be waited for, and small ones need no other connection")
  func spread() throws {
    let (link, made) = Self.link(.comes, .waits, .waits)
    func take(_ size: Int) throws -> Int? { made.number(of: try link.take(for: size, nil)) }
    let first = try link.take(for: 0, nil)
    _ = try first.greeting(nil)
    #expect(try (0..<4).map { _ in try take(30 * Self.megabyte) } == [0, 1, 2, 0])
    #expect(try take(0) == 1)
    link.give(first, of: 60 * Self.megabyte)
    #expect(try take(0) == 0)
    #expect(made.count == 3)
  }

  @Test("While one is only just begun, what is there carries on")
  func beginning() throws {
    let (link, made) = Self.link(.comes, .waits)
    _ = try link.take(for: 0, nil).greeting(nil)
    let places = try (0..<5).map { _ in made.number(of: try link.take(for: 8 * Self.megabyte, nil)) }
    #expect(places == [0, 0, 0, 0, 1])
  }

  @Test("A connection that is refused is not tried again as long as another carries what there is")
  func refused() throws {
    let (link, made) = Self.link(.comes, .ends, .comes)
    let first = try link.take(for: 40 * Self.megabyte, nil)
    _ = try first.greeting(nil)
    let second = try link.take(for: 40 * Self.megabyte, nil)
    #expect(made.number(of: second) == 1)
    #expect(throws: RemoteError.self) { try second.greeting(nil) }
    let third = try link.take(for: 40 * Self.megabyte, nil)
    #expect(made.number(of: third) == 2)
    _ = try third.greeting(nil)
    for _ in 0..<4 { _ = try link.take(for: 40 * Self.megabyte, nil) }
    #expect(made.count == 3)
  }

  @Test("A request that failed because the connection was refused is made again where another is, and only then")
  func refusedRequest() throws {
    let (link, made) = Self.link(.comes, .ends)
    let first = try link.take(for: 40 * Self.megabyte, nil)
    _ = try first.greeting(nil)
    let second = try link.take(for: 40 * Self.megabyte, nil)
    #expect(made.number(of: second) == 1 && !link.hasBetter(than: second))
    #expect(throws: RemoteError.self) { try second.greeting(nil) }
    #expect(link.hasBetter(than: second) && !link.hasBetter(than: first))
    first.close()
    #expect(!link.hasBetter(than: second))
  }

  @Test("For much that is to come connections are made at once, as many as are worth it")
  func preparation() throws {
    let (link, made) = Self.link(.comes, .waits, .waits, .waits)
    link.prepare(for: 0)
    #expect(made.count == 1)
    link.prepare(for: UInt64(20 * Self.megabyte))
    #expect(made.count == 2)
    link.prepare(for: .max)
    link.prepare(for: .max)
    #expect(made.count == 4)
  }
}
