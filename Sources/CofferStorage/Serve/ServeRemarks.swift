import CofferSystem
import Synchronization

/// What a file system cannot promise, from where it was found to where it is told.
final class ServeRemarks: Sendable {
  private let news = Mutex<[String]>([])

  func add(_ remark: String) {
    news.withLock { $0.append(remark) }
  }

  /// What was not told yet, for the end of an answer.
  func take() -> [UInt8] {
    let remarks = news.withLock { news in
      defer { news.removeAll() }
      return news
    }
    var writer = PayloadWriter()
    for remark in remarks { writer.add(remark) }
    return writer.bytes
  }
}
