import CofferSystem

/// Brings spellings of earlier versions of borgmatic up to date, and says what each is now.
struct OldSpellings {
  private(set) var problems: [ConfigurationProblem] = []
  private(set) var notices: [ConfigurationNotices.Notice] = []

  /// The sections that once grouped the options.
  static let sections = ["location", "storage", "retention", "consistency", "output", "hooks"]

  mutating func apply(to document: YAMLNode) -> YAMLNode {
    guard case .mapping(let entries) = document.content else { return document }
    var document = document
    var options = current(hoisted(entries))
    if let index = options.firstIndex(where: { $0.key.isSame(as: GeneralOptions.repositories.name) }) {
      options[index].value = repositories(options[index].value)
    }
    document.content = .mapping(options)
    return document
  }

  // MARK: - The top

  /// Takes the options out of the sections that once grouped them. They come first: where one has an older name, what stands
  /// outside, or was given on the command line, is the last, which counts.
  private mutating func hoisted(_ entries: [YAMLNode.Entry]) -> [YAMLNode.Entry] {
    let outside = entries.filter { !Self.sections.contains($0.key) }
    var result: [YAMLNode.Entry] = []
    for section in entries where Self.sections.contains(section.key) {
      guard case .mapping(let inner) = section.value.content else {
        if !section.value.isNull { result.append(section) }
        continue
      }
      note(section, "the options of '\(section.key)' now stand at the top, without a section")
      for entry in inner {
        if (outside + result).contains(where: { $0.key.isSame(as: entry.key) }) {
          problems.append(
            ConfigurationProblem(
              mark: entry.keyMark,
              message: "Option '\(entry.key)' stands in the old section '\(section.key)' and outside",
              suggestion: "Keep the one outside"))
        } else {
          result.append(entry)
        }
      }
    }
    return result + outside
  }

  /// Renames options and reshapes values; the same at the top and in a repository's section.
  private mutating func current(_ entries: [YAMLNode.Entry]) -> [YAMLNode.Entry] {
    var result: [YAMLNode.Entry] = []
    var commands: [YAMLNode] = []
    for entry in entries {
      if let command = OldHooks.command(for: entry) {
        note(entry, "'\(entry.key)' is now an entry of 'commands'")
        commands.append(command)
      } else if entry.key.isSame(as: "quick_statistics"), entry.value.boolean == false {
        note(entry, "'quick_statistics: false' is now nothing: it is so without")
      } else {
        result.append(current(entry))
      }
    }
    if !commands.isEmpty { OldHooks.add(commands, to: &result) }
    // A file may have an option by its old name and by its new one.
    return Merge.joiningDuplicates(result)
  }

  private mutating func current(_ entry: YAMLNode.Entry) -> YAMLNode.Entry {
    switch entry.key {
    case "numeric_owner": renamed(entry, "numeric_ids")
    case "bsd_flags": renamed(entry, "flags")
    case "remote_rate_limit": renamed(entry, "upload_rate_limit")
    case "store_config_files":
      replaced(entry, "bootstrap", section([("store_config_files", entry.value)], at: entry.value.mark))
    case "prefix": prefix(entry)
    case "statistics", "quick_statistics": statistics(entry)
    case "exclude_if_present":
      entry.value.string == nil
        ? entry : replaced(entry, entry.key, YAMLNode(.sequence([entry.value]), mark: entry.value.mark), to: "a list")
    case "healthchecks", "cronitor": spreading(entry, "ping_url")
    case "pagerduty": spreading(entry, "integration_key")
    case "checks": checks(entry)
    default: entry
    }
  }

  // MARK: - Values

  private mutating func prefix(_ entry: YAMLNode.Entry) -> YAMLNode.Entry {
    let pattern = YAMLNode(.scalar("\(entry.value.text ?? "")*", isPlain: false), mark: entry.value.mark)
    return replaced(entry, RunOptions.matchArchives.name, pattern)
  }

  private mutating func statistics(_ entry: YAMLNode.Entry) -> YAMLNode.Entry {
    guard let isWanted = entry.value.boolean else { return entry }
    let kind = !isWanted ? "none" : entry.key.isSame(as: "quick_statistics") ? "quick" : "standard"
    let value = YAMLNode(.scalar(kind, isPlain: false), mark: entry.value.mark)
    return replaced(entry, OutputOptions.statistics.name, value, to: kind)
  }

  private mutating func checks(_ entry: YAMLNode.Entry) -> YAMLNode.Entry {
    guard case .sequence(let elements) = entry.value.content else { return entry }
    let names = elements.map { $0.text ?? $0[CheckOptions.name.name]?.text }
    var entry = entry
    if names == ["disabled"] {
      note(entry, "'checks' without any check is now 'skip_actions: [check]'")
      entry.value.content = .sequence([])
    } else if elements.contains(where: { $0.text != nil }) {
      note(entry, "a check is now a section with a 'name'")
      entry.value.content = .sequence(
        elements.map { $0.text == nil ? $0 : section([(CheckOptions.name.name, $0)], at: $0.mark) })
    }
    return entry
  }

  private mutating func repositories(_ node: YAMLNode) -> YAMLNode {
    var node = node
    if node.string != nil { node = YAMLNode(.sequence([node]), mark: node.mark) }
    guard case .sequence(let elements) = node.content else { return node }
    node.content = .sequence(elements.map { repository($0) })
    return node
  }

  private mutating func repository(_ node: YAMLNode) -> YAMLNode {
    var node = node
    if let path = node.string {
      note(node.mark, "the repository '\(path)' is now a section with a 'path'")
      node = section([(RepositoryEntryOptions.path.name, node)], at: node.mark)
    }
    guard case .mapping(let entries) = node.content else { return node }
    var options = current(entries)
    if let index = options.firstIndex(where: { $0.key.isSame(as: RepositoryEntryOptions.path.name) }),
      let path = options[index].value.text, let url = ShortAddress(path)?.url
    {
      note(options[index].value.mark, "the path '\(path)' is now '\(url)'")
      options[index].value.content = .scalar(url, isPlain: false)
    }
    node.content = .mapping(options)
    return node
  }

  // MARK: - Building

  private mutating func renamed(_ entry: YAMLNode.Entry, _ name: String) -> YAMLNode.Entry {
    replaced(entry, name, entry.value)
  }

  /// Turns a single text into a section with one option.
  private mutating func spreading(_ entry: YAMLNode.Entry, _ name: String) -> YAMLNode.Entry {
    guard entry.value.string != nil else { return entry }
    return replaced(
      entry, entry.key, section([(name, entry.value)], at: entry.value.mark), to: "a section with '\(name)'")
  }

  private mutating func replaced(
    _ entry: YAMLNode.Entry, _ name: String, _ value: YAMLNode, to shape: String? = nil
  ) -> YAMLNode.Entry {
    let target = shape.map { name.isSame(as: entry.key) ? $0 : "'\(name): \($0)'" } ?? "'\(name)'"
    note(entry, "'\(entry.key)' is now \(target)")
    return YAMLNode.Entry(key: name, keyMark: entry.keyMark, value: value)
  }

  private func section(_ options: [(String, YAMLNode)], at mark: SourceMark) -> YAMLNode {
    YAMLNode(.mapping(options.map { YAMLNode.Entry(key: $0, keyMark: mark, value: $1) }), mark: mark)
  }

  private mutating func note(_ entry: YAMLNode.Entry, _ text: String) {
    note(entry.keyMark, text)
  }

  private mutating func note(_ mark: SourceMark, _ text: String) {
    notices.append(.init(mark: mark, name: "", text: text))
  }
}
