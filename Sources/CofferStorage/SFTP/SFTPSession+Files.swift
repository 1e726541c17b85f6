import CofferSystem

extension SFTPSession {
  /// Writes all of a new file and closes it. Where the server offers that, the bytes are durable then.
  ///
  /// Writes, the wish for durability and the end follow each other without waiting: the protocol has requests of one file
  /// done in their order.
  func fill(
    _ handle: SFTPHandle, _ content: UnsafeRawBufferPointer, _ cancellation: Cancellation?
  ) throws(SFTPError) {
    // The oldest first.
    var sent: [Pending] = []
    do throws(SFTPError) {
      let size = server.limits.write
      for start in stride(from: 0, to: content.count, by: size) {
        if cancellation?.isCancelled == true { throw .cancelled }
        if !sent.isEmpty, sent.count * size >= window { try sent.removeFirst().done(cancellation) }
        let piece = UnsafeRawBufferPointer(rebasing: content[start..<min(start + size, content.count)])
        sent.append(try begin(.write(handle, at: UInt64(start), piece), cancellation))
      }
      if server.offers.contains(.sync) { sent.append(try begin(.sync(handle), cancellation)) }
    } catch {
      beginAndForget(.close(handle))
      throw error
    }
    // What only the end brings to light (a quota, on some file systems) counts as much.
    sent.append(try begin(.close(handle), cancellation))
    for pending in sent { try pending.done(cancellation) }
  }

  /// Reads a range of an open file.
  ///
  /// - Returns: nil when the file ends before the range does.
  func read(
    _ handle: SFTPHandle, _ range: Range<Int>, _ cancellation: Cancellation?
  ) throws(SFTPError) -> [UInt8]? {
    var sent: [(pending: Pending, piece: Range<Int>)] = []
    var bytes: [UInt8] = []
    // What a server says that it has is not believed before it comes.
    bytes.reserveCapacity(min(range.count, 64 << 20))
    var next = range.lowerBound
    var size = server.limits.read
    while bytes.count < range.count {
      while next < range.upperBound, sent.isEmpty || sent.count * size < window {
        let piece = next..<min(next + size, range.upperBound)
        sent.append((try begin(.read(handle, piece), cancellation), piece))
        next = piece.upperBound
      }
      var (pending, piece) = sent.removeFirst()
      while true {
        if cancellation?.isCancelled == true { throw .cancelled }
        guard let data = try pending.data(cancellation) else { return nil }
        guard !data.isEmpty, data.count <= piece.count else {
          throw .malformed("\(data.count) bytes where \(piece.count) were asked for")
        }
        bytes += data
        guard data.count < piece.count else { break }
        // Less than was asked for is no end. Whoever gives less at a time is asked for no more from here on.
        size = max(min(size, data.count), SFTPLimits.smallest)
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
