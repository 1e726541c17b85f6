import CofferSystem

/// What two streams do not have in common, as their recipes tell it.
public struct StreamDifference: Sendable, Equatable {
  /// Plain bytes of the chunks that only the later stream has, each counted once.
  public var added: UInt64
  /// The same of the earlier one.
  public var removed: UInt64

  public init(added: UInt64, removed: UInt64) {
    self.added = added
    self.removed = removed
  }

  public static let none = StreamDifference(added: 0, removed: 0)

  public static func + (left: StreamDifference, right: StreamDifference) -> StreamDifference {
    StreamDifference(
      added: left.added.addingClamped(right.added), removed: left.removed.addingClamped(right.removed))
  }
}

extension RecipeReader {
  /// Compares two streams level by level, from the top. A node that both have is not entered, nor is one twice, so it costs
  /// what differs, in requests and in memory. For the same reason a chunk that has moved from a stretch that both have counts.
  ///
  /// - Throws: `Malformed`, and what fetching a node throws.
  func difference(from old: StreamReference, to new: StreamReference) throws -> StreamDifference {
    guard old.hash != new.hash || old.size != new.size else { return .none }
    for stream in [old, new] {
      if let root = stream.root, stream.depth >= RecipeBuilder.depthLimit { throw Malformed(node: root) }
    }
    var (olds, news) = ([Entry](), [Entry]())
    for level in (0...Int(max(old.depth, new.depth))).reversed() {
      if Int(old.depth) == level, let root = old.root { olds.append(Entry(id: root, size: old.size)) }
      if Int(new.depth) == level, let root = new.root { news.append(Entry(id: root, size: new.size)) }
      (olds, news) = Self.withoutCommon(olds, news)
      olds = try olds.flatMap { try entries(of: $0, level: level) }
      news = try news.flatMap { try entries(of: $0, level: level) }
    }
    (olds, news) = Self.withoutCommon(olds, news)
    return StreamDifference(
      added: news.reduce(0) { $0.addingClamped($1.size) }, removed: olds.reduce(0) { $0.addingClamped($1.size) })
  }

  /// The entries that only one side has, each once.
  private static func withoutCommon(_ olds: [Entry], _ news: [Entry]) -> ([Entry], [Entry]) {
    var seen = Set(news.map(\.id))
    let onlyOld = olds.filter { seen.insert($0.id).inserted }
    seen = Set(olds.map(\.id))
    return (onlyOld, news.filter { seen.insert($0.id).inserted })
  }
}
