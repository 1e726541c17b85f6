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

  private static func channel(_ answer: Answer) throws -> LoopChannel {
    try LoopChannel { input, output in
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
  }

  /// A channel beside which others can be made.
  private final class Carrier: ByteChannel {
    private let own: LoopChannel
    private let another: @Sendable () throws(RemoteError) -> (any ByteChannel)?

    init(_ own: LoopChannel, _ another: @escaping @Sendable () throws(RemoteError) -> (any ByteChannel)?) {
      self.own = own
      self.another = another
    }

    var input: Int32 { own.input }
    var output: Int32 { own.output }
    var endDescriptor: Int32? { nil }
    func end() -> ChannelEnd { own.end() }
    func beside(_ cancellation: Cancellation?) throws(RemoteError) -> (any ByteChannel)? { try another() }
  }

  /// A link, and the connections that it has made.
  private final class Made: Sendable {
    let connections = Mutex<[FrameConnection]>([])
    /// How many times another channel was asked for.
    let askedBeside = Mutex(0)
    var count: Int { connections.withLock { $0.count } }
    func number(of connection: FrameConnection) -> Int? {
      connections.withLock { $0.firstIndex { $0 === connection } }
    }
  }

  /// - Parameters:
  ///   - answers: Of the connections, as many as there may be.
  ///   - beside: Of the channels that are made beside them; where there are no more, none can be made.
  private static func link(_ answers: Answer..., beside: [Answer] = []) -> (RemoteLink, Made) {
    let made = Made()
    @Sendable func make(_ answer: Answer) throws(RemoteError) -> LoopChannel {
      do { return try channel(answer) } catch {
        throw .broken(StorageFailure(.permanent, "connect", reason: "\(error)"))
      }
    }
    let count = Mutex(0)
    let link = RemoteLink(
      limit: answers.count,
      { (_) throws(RemoteError) in
        let number = count.withLock { count in
          defer { count += 1 }
          return count
        }
        return Carrier(try make(answers[min(number, answers.count - 1)])) { () throws(RemoteError) in
          let number = made.askedBeside.withLock { count in
            defer { count += 1 }
            return count
          }
          return number < beside.count ? try make(beside[number]) : nil
        }
      },
      speak: { (channel) throws(RemoteError) in
        let connection = try FrameConnection(
          channel, greeting: Frame(1, id: 0), limits: FrameConnection.Limits(payload: 1 << 10), rules: rules,
          clock: .system)
        made.connections.withLock { $0.append(connection) }
        return connection
      })
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

  @Test("Where there are as many connections as may be, a second channel of each carries more, and no third")
  func channels() throws {
    let (link, made) = Self.link(.comes, .comes, beside: [.comes, .comes])
    func take(_ size: Int) throws -> Int? { made.number(of: try link.take(for: size, nil)) }
    for number in 0..<2 {
      #expect(try take(30 * Self.megabyte) == number)
      _ = try made.connections.withLock { $0[number] }.greeting(nil)
    }
    for number in 2..<4 {
      #expect(try take(8 * Self.megabyte) == number)
      _ = try made.connections.withLock { $0[number] }.greeting(nil)
    }
    #expect(try take(0) == 2)
    #expect(try (0..<4).map { _ in try take(8 * Self.megabyte) } == [2, 3, 2, 3])
    #expect(made.count == 4 && made.askedBeside.withLock { $0 } == 2)
  }

  @Test("No channel is made beside a connection on which nobody has answered yet")
  func tooEarly() throws {
    let (link, made) = Self.link(.waits, beside: [.comes])
    for _ in 0..<3 { #expect(made.number(of: try link.take(for: 40 * Self.megabyte, nil)) == 0) }
    #expect(made.askedBeside.withLock { $0 } == 0)
  }

  @Test("A connection beside which no channel can be made is asked once", arguments: [0, 1])
  func refusedChannel(refusals: Int) throws {
    let (link, made) = Self.link(.comes, beside: Array(repeating: .ends, count: refusals))
    let first = try link.take(for: 40 * Self.megabyte, nil)
    _ = try first.greeting(nil)
    let second = try link.take(for: 40 * Self.megabyte, nil)
    #expect((second === first) == (refusals == 0))
    if refusals > 0 {
      #expect(throws: RemoteError.self) { try second.greeting(nil) }
      #expect(link.hasBetter(than: second))
    }
    for _ in 0..<3 { #expect(try link.take(for: 40 * Self.megabyte, nil) === first) }
    #expect(made.askedBeside.withLock { $0 } == 1)
  }

  @Test("For very much that is to come channels are made as soon as somebody answers, whatever is asked next")
  func expectedChannels() throws {
    let (link, made) = Self.link(.comes, .comes, beside: [.comes, .comes, .comes])
    link.prepare(for: .max)
    for connection in made.connections.withLock({ $0 }) { _ = try connection.greeting(nil) }
    #expect(made.count == 2)
    for _ in 0..<3 { _ = try link.take(for: 0, nil) }
    #expect(made.count == 4)
    for connection in made.connections.withLock({ $0 }) { _ = try connection.greeting(nil) }
    for _ in 0..<8 { _ = try link.take(for: 40 * Self.megabyte, nil) }
    #expect(made.count == 4)
  }

  @Test("A channel that breaks is made anew; without what carried it, it counts for no connection")
  func brokenChannel() throws {
    let (link, made) = Self.link(.comes, beside: [.comes, .comes])
    func take(_ size: Int) throws -> FrameConnection { try link.take(for: size, nil) }
    let first = try take(40 * Self.megabyte)
    _ = try first.greeting(nil)
    let second = try take(40 * Self.megabyte)
    _ = try second.greeting(nil)
    second.close()
    let third = try take(40 * Self.megabyte)
    #expect(made.number(of: third) == 2)
    _ = try third.greeting(nil)
    first.close()
    #expect(made.number(of: try take(40 * Self.megabyte)) == 3)
    #expect(made.askedBeside.withLock { $0 } == 2)
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
