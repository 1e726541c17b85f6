import CofferSystem

/// What a stream was in an earlier archive, read along with the stream that takes its place: tells which chunks an edit
/// replaces, and which nodes one of its recipe does. Holds a window of it only, however long it is. Used by one thread at a time.
final class Predecessor {
  private var cursor: RecipeCursor
  /// Chunks in order; the first one's number in the stream is `start`.
  private var window: [ChunkID] = []
  /// The node of the recipe that lists each of them.
  private var nodes: [ChunkID] = []
  private var start = 0
  private var numbers: [ChunkID: Int] = [:]
  /// The number of the chunk that was found last.
  private var latest = 0

  /// Chunks that are looked through in front of what was found last, and kept behind it: some 128 MiB each.
  private static let reach = 1 << 14
  /// Chunks that one edit may replace.
  private static let replacedLimit = 1 << 9
  /// Nodes that one may replace.
  private static let nodeLimit = 8

  /// - Throws: `RecipeReader.Malformed`.
  init(_ stream: StreamReference, recipes: RecipeReader) throws {
    cursor = try RecipeCursor(recipes, over: stream)
  }

  /// Returns the chunks that were between two neighbours of an edit, in order.
  ///
  /// - Returns: nil when the neighbours are not there, or not in this order, or far apart.
  /// - Throws: `RecipeReader.Malformed`, and what fetching a node throws.
  func chunks(between front: ChunkID, and behind: ChunkID) throws -> ArraySlice<ChunkID>? {
    guard let first = try number(of: front) else { return nil }
    latest = first
    guard let last = try number(of: behind), last > first, last - first <= Self.replacedLimit else { return nil }
    latest = last
    return window[(first + 1 - start)..<(last - start)]
  }

  /// Returns the nodes that listed chunks which a node lists now, in order.
  ///
  /// - Returns: None when it is not known, or there are too many.
  /// - Throws: `RecipeReader.Malformed`, and what fetching a node throws.
  func nodes(listing chunks: [ChunkID]) throws -> [ChunkID] {
    guard let last = chunks.last else { return [] }
    // All before it is known then, too.
    _ = try number(of: last)
    let known = chunks.compactMap { numbers[$0] }.sorted()
    guard !known.isEmpty else { return [] }
    latest = max(latest, known[known.count / 2])
    var found: [ChunkID] = []
    for number in known where found.last != nodes[number - start] { found.append(nodes[number - start]) }
    return found.count <= Self.nodeLimit ? found : []
  }

  private func number(of id: ChunkID) throws -> Int? {
    while true {
      if let number = numbers[id] { return number }
      guard start + window.count - latest < Self.reach, let entry = try cursor.next() else { return nil }
      numbers[entry.id] = start + window.count
      window.append(entry.id)
      nodes.append(cursor.node)
      if window.count >= Self.reach * 3 { forget() }
    }
  }

  private func forget() {
    let count = min(max(latest - Self.reach - start, 0), window.count)
    for (position, id) in window[..<count].enumerated() where numbers[id] == start + position { numbers[id] = nil }
    window.removeFirst(count)
    nodes.removeFirst(count)
    start += count
  }
}
