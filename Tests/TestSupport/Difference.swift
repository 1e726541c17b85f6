/// Returns the first line in which two texts differ; nil when they are the same.
public func firstDifference(_ left: String, _ right: String) -> String? {
  guard left != right else { return nil }
  let left = left.split(separator: "\n", omittingEmptySubsequences: false)
  let right = right.split(separator: "\n", omittingEmptySubsequences: false)
  for (number, pair) in zip(left, right).enumerated() where pair.0 != pair.1 {
    return "line \(number + 1): \(pair.0) <> \(pair.1)"
  }
  return "\(left.count) lines <> \(right.count) lines"
}
