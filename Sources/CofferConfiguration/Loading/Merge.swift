import CofferSystem

/// Putting a local mapping over an included one: mappings merge, lists join with the included elements first, and a
/// local scalar wins. `!retain` and `!omit` before local values are heeded and taken away.
enum Merge {
  /// - Throws: `ConfigurationError.invalid` when the two are of different kinds.
  static func merge(_ local: YAMLNode, over base: YAMLNode) throws -> YAMLNode {
    if local.has(tag: "!retain") { return withoutTags(local) }
    var result = local
    switch (local.content, base.content) {
    case (.mapping(let localEntries), .mapping(let baseEntries)):
      var entries = baseEntries
      for entry in localEntries {
        if let position = entries.firstIndex(where: { $0.key.isSame(as: entry.key) }) {
          entries[position] = YAMLNode.Entry(
            key: entry.key, keyMark: entry.keyMark, value: try merge(entry.value, over: entries[position].value))
        } else {
          entries.append(
            YAMLNode.Entry(key: entry.key, keyMark: entry.keyMark, value: withoutTags(entry.value)))
        }
      }
      result.content = .mapping(entries)
    case (.sequence(let localElements), .sequence(let baseElements)):
      let omitted = localElements.filter { $0.has(tag: "!omit") }.compactMap(\.text)
      let kept = baseElements.filter { element in
        !omitted.contains { name in element.text.map { $0.isSame(as: name) } ?? false }
      }
      result.content = .sequence(kept + localElements.filter { !$0.has(tag: "!omit") }.map(withoutTags))
    case (.scalar, .scalar): break
    default:
      throw ConfigurationError.invalid(
        path: local.mark.file,
        [
          ConfigurationProblem(
            mark: local.mark,
            message: "This is \(local.kindName), but the included value at \(base.mark) is \(base.kindName)",
            suggestion: "Give both the same shape, or put !retain before the local value")
        ])
    }
    return result
  }

  /// The node without the tags that steer a merge, which has happened or has nothing to do there.
  private static func withoutTags(_ node: YAMLNode) -> YAMLNode {
    var node = node
    if node.has(tag: "!retain") { node.tag = nil }
    switch node.content {
    case .scalar: break
    case .sequence(let elements):
      node.content = .sequence(elements.filter { !$0.has(tag: "!omit") }.map(withoutTags))
    case .mapping(let entries):
      node.content = .mapping(
        entries.map { YAMLNode.Entry(key: $0.key, keyMark: $0.keyMark, value: withoutTags($0.value)) })
    }
    return node
  }

  /// Says of keys that stand twice in one mapping where they stand, and which of them counts.
  static func repeated(in entries: [YAMLNode.Entry]) -> [ConfigurationNotices.Notice] {
    entries.enumerated().compactMap { position, entry in
      guard let first = entries[..<position].last(where: { $0.key.isSame(as: entry.key) }) else { return nil }
      let fate =
        switch (first.value.content, entry.value.content) {
        case (.sequence, .sequence): "the second list is appended to the first"
        case (.mapping, .mapping): "the two sections are joined"
        default: "the last one counts"
        }
      let places = "at \(first.keyMark) and at \(entry.keyMark)"
      return .init(mark: entry.keyMark, name: entry.key, text: "It stands twice, \(places); \(fate)")
    }
  }

  /// Joins keys that stand twice in one mapping: lists are appended, sections joined, of anything else the last counts.
  static func joiningDuplicates(_ entries: [YAMLNode.Entry]) -> [YAMLNode.Entry] {
    var joined: [YAMLNode.Entry] = []
    for entry in entries {
      guard let position = joined.firstIndex(where: { $0.key.isSame(as: entry.key) }) else {
        joined.append(entry)
        continue
      }
      switch (joined[position].value.content, entry.value.content) {
      case (.sequence(let first), .sequence(let second)):
        joined[position].value.content = .sequence(first + second)
      case (.mapping(let first), .mapping(let second)):
        joined[position].value.content = .mapping(joiningDuplicates(first + second))
      default: joined[position] = entry
      }
    }
    return joined
  }
}
