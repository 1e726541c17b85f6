import CofferSystem
import Synchronization

/// Connections for many threads: each request goes by one that no other uses at that moment, kept from an earlier one if
/// there is any. So there are as many as there were requests at one time.
public final class HTTPConnectionPool: Sendable {
  private let userAgent: String
  private let patience: HTTPPatience
  private let idle = Mutex<[HandedOver<HTTPConnection>]>([])

  /// - Parameter userAgent: How the program calls itself, for example `coffer/1.0`.
  public init(userAgent: String, patience: HTTPPatience) {
    self.userAgent = userAgent
    self.patience = patience
  }

  /// Sends a request and takes the answer, as `HTTPConnection.exchange` does.
  ///
  /// - Throws: As it does.
  public func exchange(
    _ request: HTTPRequest, body: UnsafeRawBufferPointer? = nil, hiding others: [String] = [], limit: Int,
    cancellation: Cancellation? = nil
  ) throws(HTTPError) -> HTTPAnswer {
    // The one that was used last is the least likely to have been closed meanwhile.
    let kept = idle.withLock { $0.popLast() }
    let connection: HTTPConnection
    if let kept {
      connection = kept.value
    } else {
      connection = try HTTPConnection(userAgent: userAgent, patience: patience)
    }
    // One that failed is not kept.
    let answer = try connection.exchange(request, body: body, hiding: others, limit: limit, cancellation: cancellation)
    let handed = HandedOver(connection)
    idle.withLock { $0.append(handed) }
    return answer
  }
}
