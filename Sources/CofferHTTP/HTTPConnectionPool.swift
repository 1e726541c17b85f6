import CofferSystem
import Synchronization

/// Connections for many threads: each request goes by one that no other uses at that moment, kept from an earlier one if
/// there is any. So there are as many as there were requests at one time.
///
/// What is large goes by the one that has carried most: on a long line a connection takes a second until it is fast, and is so only as
/// long as much is sent.
public final class HTTPConnectionPool: Sendable {
  private struct Kept: Sendable {
    let connection: HandedOver<HTTPConnection>
    /// Bytes of all bodies that it has carried.
    let carried: Int
  }

  private let userAgent: String
  private let patience: HTTPPatience
  private let idle = Mutex<[Kept]>([])
  private static let largeSize = 1 << 20

  /// - Parameter userAgent: How the program calls itself, for example `coffer/1.0`.
  public init(userAgent: String, patience: HTTPPatience) {
    self.userAgent = userAgent
    self.patience = patience
  }

  /// Sends a request and takes the answer, as `HTTPConnection.exchange` does.
  ///
  /// - Parameter expected: Bytes of the answer's body, as far as they are known before.
  /// - Throws: As it does.
  public func exchange(
    _ request: HTTPRequest, body: UnsafeRawBufferPointer? = nil, hiding others: [String] = [], limit: Int,
    expecting expected: Int = 0, cancellation: Cancellation? = nil
  ) throws(HTTPError) -> HTTPAnswer {
    let sent = body?.count ?? request.body.count
    let size = sent + expected
    let kept = idle.withLock { idle in Self.place(for: size, among: idle.map(\.carried)).map { idle.remove(at: $0) } }
    let connection: HTTPConnection
    if let kept {
      connection = kept.connection.value
    } else {
      connection = try HTTPConnection(userAgent: userAgent, patience: patience)
    }
    // One that failed is not kept.
    let answer = try connection.exchange(request, body: body, hiding: others, limit: limit, cancellation: cancellation)
    let used = Kept(
      connection: HandedOver(connection),
      carried: (kept?.carried ?? 0) + sent + answer.body.count)
    idle.withLock { $0.append(used) }
    return answer
  }

  /// Chooses a connection for a request that transfers so many bytes, from what idle ones have carried, the one used last
  /// being the last: of those that are equally good it is the least likely to have been closed meanwhile.
  static func place(for size: Int, among carried: [Int]) -> Int? {
    guard size < largeSize else { return carried.indices.reversed().max { carried[$0] < carried[$1] } }
    return carried.lastIndex { $0 < largeSize } ?? carried.indices.last
  }
}
