import CofferSystem

extension S3Store {
  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    let prefix = key(folder.isEmpty ? "" : folder + "/")
    var pages = ListPages()
    var waiting: [ObjectStatus] = []
    var hasGiven = false
    try forEachPage(prefix: prefix, after: last, cancellation) { (entries, isInOrder) throws(StorageError) in
      for entry in entries {
        // What else is in the bucket is none of the repository's.
        guard let path = entry.key.after(beginning: client.target.prefix), let name = ObjectName(path) else { continue }
        if let last, name <= last { continue }
        waiting.append(ObjectStatus(name: name, size: entry.size, received: entry.received))
      }
      guard isInOrder else {
        // Some servers go through folders, in which `b/1` stands before `b-c/1`. All has to be there to be put in order.
        guard !hasGiven, waiting.count <= Self.unorderedLimit else { throw malformed("the list is not in its order") }
        return true
      }
      for status in waiting { pages.add(status, take) }
      pages.finish(take)
      hasGiven = hasGiven || !waiting.isEmpty
      waiting.removeAll(keepingCapacity: true)
      return true
    }
    for status in waiting.sorted(by: { $0.name < $1.name }) { pages.add(status, take) }
    pages.finish(take)
  }

  /// Objects that are put in order in memory at most.
  private static let unorderedLimit = 4_000_000

  /// Goes through all pages. A list that does not go forward ends with an error: it would not end otherwise.
  ///
  /// - Parameters:
  ///   - prefix: What keys begin with.
  ///   - last: Objects behind this one are wanted; some before it may be given, too.
  ///   - take: Told whether all keys so far came in the order of their bytes; returns whether there is more to be wished for.
  func forEachPage(
    prefix: String, after last: ObjectName?, _ cancellation: Cancellation?,
    _ take: ([S3ListPage.Entry], _ isInOrder: Bool) throws(StorageError) -> Bool
  ) throws(StorageError) {
    let start = last.map { key(Self.beginning(of: $0.path)) }.flatMap {
      !$0.isEmpty && $0.begins(with: prefix) ? $0 : nil
    }
    var token: String?
    var order = ListOrder()
    while true {
      let page = try listPage(prefix: prefix, after: start, token: token, limit: ListPages.size, cancellation)
      for entry in page.entries {
        guard entry.key.begins(with: prefix) else {
          throw malformed("the list has something that was not asked for")
        }
        guard order.takes(entry.key) else { throw malformed("the list is not in its order") }
      }
      guard try take(page.entries, order.isOfBytes), let next = page.next else { return }
      guard next != token, !page.entries.isEmpty else { throw malformed("the list does not go on") }
      token = next
    }
  }

  /// The part of a name up to where the two orders, of bytes and of folders, may differ: nothing behind the name is before
  /// it in either. It is no folder's name: behind that some servers see nothing of what is in it.
  private static func beginning(of path: String) -> String {
    let same = path.utf8.prefix { $0 >= UInt8(ascii: "/") }
    guard same.count < path.utf8.count else { return path }
    let short = same.dropLast()
    return String(decoding: same.last == UInt8(ascii: "/") ? short.dropLast() : short, as: UTF8.self)
  }

  func listPage(
    prefix: String, after last: String?, token: String?, limit: Int, _ cancellation: Cancellation?
  ) throws(StorageError) -> S3ListPage {
    var query = [("list-type", "2"), ("max-keys", String(limit))]
    if !prefix.isEmpty { query.append(("prefix", prefix)) }
    if let token {
      query.append(("continuation-token", token))
    } else if let last {
      query.append(("start-after", last))
    }
    let answer = try answer(.init(operation: .list, query: query), cancellation)
    guard !answer.isCut else { throw malformed("the page of the list is too large") }
    do throws(S3ListPage.Malformed) {
      return try S3ListPage(answer.body)
    } catch {
      throw malformed(error.reason)
    }
  }

  func malformed(_ reason: String) -> StorageError {
    .failed(nil, location: location, StorageFailure(.permanent, S3Operation.list.rawValue, reason: reason))
  }
}

/// Whether keys come in an order: of their bytes, as S3 promises, or that of a walk through folders.
private struct ListOrder {
  private(set) var isOfBytes = true
  private var isOfFolders = true
  private var last: [UInt8] = []

  /// - Returns: Whether the key is behind the last one in the order of all so far.
  mutating func takes(_ key: String) -> Bool {
    let bytes = Array(key.utf8)
    isOfBytes = isOfBytes && last.lexicographicallyPrecedes(bytes)
    isOfFolders = isOfFolders && last.lexicographicallyPrecedes(bytes) { Self.rank($0) < Self.rank($1) }
    last = bytes
    return isOfBytes || isOfFolders
  }

  private static func rank(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "/") ? 0 : byte }
}
