import CofferSystem
import FoundationEssentials

/// When this machine has last looked at the locks of all objects of a repository: each look is a request for each object. What is
/// forgotten or false here costs requests, or some days of a lock's second half.
struct LockMemory {
  private let file: EntryName
  private let folder: CacheFolder?
  /// What it was that was looked at.
  private let subject: String
  private let lockTime: Double
  private let now: Double

  /// Locks are looked at again after an eighth of their time: a lock that had half of it left has three eighths then.
  private static let part: Double = 8
  private static let fileLimit = 8 << 10

  /// - Parameter lockTime: Seconds for which the place is asked to lock what is put.
  init(_ context: RepositoryContext, lockTime: Double) {
    file = EntryName("locks")
    folder = context.cacheFolder
    subject = "\(Int64(lockTime)) \(context.location)"
    self.lockTime = lockTime
    now = context.surroundings.clock.now().timeIntervalSince1970
  }

  var isDue: Bool {
    guard let bytes = folder?.read(file, limit: Self.fileLimit) else { return true }
    let lines = String(decoding: bytes, as: UTF8.self).parts(by: "\n", limit: 2)
    guard lines.count == 2, lines[1].isSame(as: subject), let last = Double(lines[0]), last <= now else { return true }
    return now - last > lockTime / Self.part
  }

  func note() {
    folder?.write(file, Array("\(now)\n\(subject)".utf8))
  }
}
