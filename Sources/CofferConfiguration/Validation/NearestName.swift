import CofferSystem

/// Finds the name that somebody probably meant.
public enum NearestName {
  /// Returns the candidate with the fewest edits from `name`, if it is near enough to be a slip.
  public static func of(_ name: String, among candidates: [String]) -> String? {
    let limit = max(name.count / 3, 1) + 1
    let nearest = candidates.map { ($0, distance(name.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
    guard let (candidate, edits) = nearest, edits <= limit else {
      return candidates.filter { $0.count > 3 && (name.contains($0) || $0.contains(name)) }.first
    }
    return candidate
  }

  /// Returns the candidate that differs by a slip of the fingers and no more: for names of deeds, where a guess that is wrong
  /// does harm.
  public static func slip(of name: String, among candidates: [String]) -> String? {
    let limit = name.count > 7 ? 2 : 1
    let nearest = candidates.map { ($0, distance(name.lowercased(), $0)) }.min { $0.1 < $1.1 }
    return nearest.flatMap { $0.1 <= limit ? $0.0 : nil }
  }

  /// Levenshtein's distance over characters, where two neighbours that changed places count once.
  static func distance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left), Array(right))
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for position in left.indices {
      var row = [position + 1]
      for column in right.indices {
        let isSame = left[position] == right[column]
        var cost = min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, row[column] + 1)
        let areSwapped =
          position > 0 && column > 0 && left[position] == right[column - 1] && left[position - 1] == right[column]
        if areSwapped { cost = min(cost, beforeLast[column - 1] + 1) }
        row.append(cost)
      }
      (beforeLast, last) = (last, row)
    }
    return last[right.count]
  }
}
