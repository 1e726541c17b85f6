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

  /// Levenshtein's distance over characters.
  static func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var row = Array(0...right.count)
    for (position, character) in left.enumerated() {
      var previous = row[0]
      row[0] = position + 1
      for column in right.indices {
        let cost = previous + (character == right[column] ? 0 : 1)
        previous = row[column + 1]
        row[column + 1] = min(cost, previous + 1, row[column] + 1)
      }
    }
    return row[right.count]
  }
}
