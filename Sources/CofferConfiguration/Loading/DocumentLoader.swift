import CofferSystem

/// Reads a file with everything it includes into one tree.
struct DocumentLoader {
  private let files: FileReader
  private let environment: ProcessEnvironment
  /// Every file that was read, in the order of reading.
  private(set) var filesRead: [String] = []
  private var open: [String] = []

  init(files: FileReader, environment: ProcessEnvironment) {
    self.files = files
    self.environment = environment
  }

  /// - Parameter path: Absolute.
  /// - Throws: `ConfigurationError`.
  mutating func load(_ path: String) throws -> YAMLNode {
    guard let document = try document(path), !document.isNull else { throw ConfigurationError.empty(path: path) }
    var interpolation = Interpolation(environment: environment)
    let result = interpolation.apply(to: document)
    guard interpolation.problems.isEmpty else {
      throw ConfigurationError.invalid(path: path, interpolation.problems)
    }
    return result
  }

  private mutating func document(_ path: String) throws -> YAMLNode? {
    let bytes: [UInt8]
    do {
      bytes = try files.read(path)
    } catch {
      throw ConfigurationError.unreadable(path: path, cause: error)
    }
    if !filesRead.contains(path) { filesRead.append(path) }
    open.append(path)
    defer { open.removeLast() }
    var parser = YAMLParser(file: path)
    do {
      guard let document = try parser.parse(bytes) else { return nil }
      return try resolve(document, in: path)
    } catch let failure as YAMLParser.Failure {
      throw ConfigurationError.invalid(
        path: path,
        [
          ConfigurationProblem(
            mark: failure.mark, message: "This is not YAML: \(failure.problem)",
            suggestion: "Check indentation, quotes and colons around there")
        ])
    }
  }

  /// Replaces `!include` and merges `<<`, everywhere below the node.
  private mutating func resolve(_ node: YAMLNode, in path: String) throws -> YAMLNode {
    if node.tag == "!include" { return try included(node, from: path) }
    var node = node
    switch node.content {
    case .scalar: break
    case .sequence(let elements):
      node.content = .sequence(try elements.map { try resolve($0, in: path) })
    case .mapping(let entries):
      var base: YAMLNode?
      var own: [YAMLNode.Entry] = []
      for entry in entries {
        let value = try resolve(entry.value, in: path)
        guard entry.key == "<<" else {
          own.append(YAMLNode.Entry(key: entry.key, keyMark: entry.keyMark, value: value))
          continue
        }
        let parts: [YAMLNode] = if case .sequence(let parts) = value.content { parts } else { [value] }
        for part in parts { base = try base.map { try Merge.merge(part, over: $0) } ?? part }
      }
      node.content = .mapping(try Merge.joiningDuplicates(own))
      if let base { node = try Merge.merge(node, over: base) }
    }
    return node
  }

  private mutating func included(_ node: YAMLNode, from path: String) throws -> YAMLNode {
    if case .sequence(let elements) = node.content {
      return YAMLNode(
        .sequence(try elements.map { try included($0, from: path) }), mark: node.mark)
    }
    guard let name = node.text else {
      throw problem(node, "!include needs a file's name", "Write it as '!include common.yaml'")
    }
    let target = Self.absolute(name, from: path, home: environment["HOME"])
    guard !open.contains(target) else {
      throw problem(node, "The file includes itself: \((open + [target]).joined(separator: " -> "))", nil)
    }
    do {
      guard let document = try document(target) else { throw ConfigurationError.empty(path: target) }
      return document
    } catch ConfigurationError.unreadable(let path, let cause) {
      throw problem(node, "The included file \(path) cannot be read: \(cause.reason)", nil)
    }
  }

  private static func absolute(_ name: String, from path: String, home: String?) -> String {
    if name.hasPrefix("/") { return name }
    if name.hasPrefix("~/"), let home { return home + name.dropFirst() }
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) + "/" + name
  }

  private func problem(_ node: YAMLNode, _ message: String, _ suggestion: String?) -> ConfigurationError {
    .invalid(
      path: node.mark.file,
      [ConfigurationProblem(mark: node.mark, message: message, suggestion: suggestion)])
  }
}
