import CofferSystem

/// The options that once held commands, one a moment, as entries of `commands`.
enum OldHooks {
  private static let actions = [
    "backup": "create", "prune": "prune", "compact": "compact", "check": "check", "extract": "extract",
  ]

  /// Whether what stands at a key is read by a shell, in this or in an old spelling.
  static func isShell(_ key: String) -> Bool {
    key.isSame(as: "run") || key.isSame(as: "on_error") || key.begins(with: "before_") || key.begins(with: "after_")
  }

  /// Returns the entry of `commands` that does the same; nil for options that are no such hook.
  static func command(for entry: YAMLNode.Entry) -> YAMLNode? {
    let mark = entry.keyMark
    if entry.key.isSame(as: "on_error") {
      return command(("after", "error"), when: ["create", "prune", "compact", "check"], entry.value, mark)
    }
    let parts = entry.key.parts(by: "_", limit: 2)
    guard parts.count == 2, ["before", "after"].contains(parts[0]) else { return nil }
    switch parts[1] {
    case "actions": return command((parts[0], "repository"), when: [], entry.value, mark)
    case "everything": return command((parts[0], "everything"), when: ["create"], entry.value, mark)
    default: return actions[parts[1]].map { command((parts[0], "action"), when: [$0], entry.value, mark) }
    }
  }

  /// Appends to the list that is there, or begins one.
  static func add(_ commands: [YAMLNode], to entries: inout [YAMLNode.Entry]) {
    if let index = entries.firstIndex(where: { $0.key.isSame(as: "commands") }),
      case .sequence(let present) = entries[index].value.content
    {
      entries[index].value.content = .sequence(present + commands)
    } else {
      let mark = commands[0].mark
      entries.append(YAMLNode.Entry(key: "commands", keyMark: mark, value: YAMLNode(.sequence(commands), mark: mark)))
    }
  }

  private static func command(
    _ moment: (key: String, value: String), when actions: [String], _ lines: YAMLNode, _ mark: SourceMark
  ) -> YAMLNode {
    func scalar(_ text: String) -> YAMLNode { YAMLNode(.scalar(text, isPlain: false), mark: mark) }
    var entries = [YAMLNode.Entry(key: moment.key, keyMark: mark, value: scalar(moment.value))]
    if !actions.isEmpty {
      entries.append(
        YAMLNode.Entry(key: "when", keyMark: mark, value: YAMLNode(.sequence(actions.map(scalar)), mark: mark)))
    }
    let run = lines.text == nil ? lines : YAMLNode(.sequence([lines]), mark: lines.mark)
    entries.append(YAMLNode.Entry(key: "run", keyMark: mark, value: run))
    return YAMLNode(.mapping(entries), mark: mark)
  }
}
