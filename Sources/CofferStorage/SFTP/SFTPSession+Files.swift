import CofferSystem

/// Requests that are on their way, the oldest first.
private struct PendingQueue<Note> {
  private var items: [(pending: SFTPSession.Pending, note: Note)] = []
  private var first = 0

  var count: Int { items.count - first }

  mutating func add(_ pending: SFTPSession.Pending, _ note: Note) {
    items.append((pending, note))
  }

  mutating func next() -> (pending: SFTPSession.Pending, note: Note)? {
    guard first < items.count else { return nil }
    defer {
      first += 1
      // Not at every one: what is left is moved each time.
      if first > 1024 {
        items.removeFirst(first)
        first = 0
      }
    }
    return items[first]
  }

  mutating func forgetAll() {
    while let item = next() { item.pending.forget() }
  }
}

extension SFTPSession {
  /// Writes all of a new file and closes it. Where the server offers that, the bytes are durable then.
  ///
  /// Writes, the wish for durability and the end follow each other without waiting: the protocol has requests of one file
  /// done in their order.
  func fill(
    _ handle: SFTPHandle, _ content: UnsafeRawBufferPointer, _ cancellation: Cancellation?
  ) throws(SFTPError) {
    var queue = PendingQueue<Void>()
    do throws(SFTPError) {
      for start in stride(from: 0, to: content.count, by: limits.write) {
        if cancellation?.isCancelled == true { throw .cancelled }
        if start > 0, queue.count * limits.write >= window { try queue.next()?.pending.done(cancellation) }
        let piece = UnsafeRawBufferPointer(rebasing: content[start..<min(start + limits.write, content.count)])
        queue.add(try begin(.write(handle, at: UInt64(start), piece), cancellation), ())
      }
      if offers.contains(.sync) { queue.add(try begin(.sync(handle), cancellation), ()) }
    } catch {
      queue.forgetAll()
      beginAndForget(.close(handle))
      throw error
    }
    // Nothing behind this is sent before the writes are known to have gone well.
    queue.add(try begin(.close(handle), cancellation), ())
    var failure: SFTPError?
    while let item = queue.next() {
      guard failure == nil else {
        item.pending.forget()
        continue
      }
      do throws(SFTPError) { try item.pending.done(cancellation) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Reads a range of an open file.
  ///
  /// - Returns: nil when the file ends before the range does.
  func read(
    _ handle: SFTPHandle, _ range: Range<Int>, _ cancellation: Cancellation?
  ) throws(SFTPError) -> [UInt8]? {
    var queue = PendingQueue<Range<Int>>()
    defer { queue.forgetAll() }
    var bytes: [UInt8] = []
    // What a server says that it has is not believed before it comes.
    bytes.reserveCapacity(min(range.count, 64 << 20))
    var next = range.lowerBound
    var pieceSize = limits.read
    while bytes.count < range.count {
      while next < range.upperBound, queue.count == 0 || queue.count * pieceSize < window {
        let piece = next..<min(next + pieceSize, range.upperBound)
        queue.add(try begin(.read(handle, piece), cancellation), piece)
        next = piece.upperBound
      }
      guard var (pending, piece) = queue.next() else { return nil }
      while true {
        if cancellation?.isCancelled == true { throw .cancelled }
        guard let data = try pending.data(cancellation) else { return nil }
        guard !data.isEmpty, data.count <= piece.count else {
          throw .malformed("\(data.count) bytes where \(piece.count) were asked for")
        }
        bytes += data
        guard data.count < piece.count else { break }
        // Less than was asked for is no end. Whoever gives less at a time is asked for no more from here on.
        pieceSize = max(min(pieceSize, data.count), SFTPLimits.smallest)
        piece = piece.lowerBound + data.count..<piece.upperBound
        pending = try begin(.read(handle, piece), cancellation)
      }
    }
    return bytes
  }
}

extension SFTPRequest {
  fileprivate static func read(_ handle: SFTPHandle, _ range: Range<Int>) -> SFTPRequest {
    read(handle, from: UInt64(range.lowerBound), count: UInt32(range.count))
  }
}
