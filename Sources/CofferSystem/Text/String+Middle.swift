extension String {
  /// The beginning and the end of a text of more than so many bytes, with how many are between them; a shorter one as it is.
  public func leavingOutMiddle(over limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var start = utf8.index(startIndex, offsetBy: limit / 2)
    while start > startIndex, !beginsScalar(start) { start = utf8.index(before: start) }
    var end = utf8.index(endIndex, offsetBy: -limit / 4)
    while end < endIndex, !beginsScalar(end) { end = utf8.index(after: end) }
    let count = utf8.distance(from: start, to: end)
    return self[..<start] + " ... \(count) bytes more ... " + self[end...]
  }

  private func beginsScalar(_ index: String.Index) -> Bool { utf8[index] & 0xc0 != 0x80 }
}
