import CofferSystem
import Glibc

/// Reads a file with everything it includes into one tree.
struct DocumentLoader {
  private let files: FileReader
  private let home: String?
  /// Every file that was read, in the order of reading.
  private(set) var filesRead: [String] = []
  /// Those of them that other users can read.
  private(set) var exposedFiles: [String] = []
  /// Keys that stand twice in one mapping.
  private(set) var repeated: [ConfigurationNotices.Notice] = []
  private var open: [String] = []

  init(files: FileReader, home: String?) {
    self.files = files
    self.home = home
  }

  /// - Parameter path: Absolute.
  /// - Throws: `ConfigurationError`.
  mutating func load(_ path: String) throws -> YAMLNode {
    let document = try document(path, files.open)
    guard let document, !document.isNull else { throw ConfigurationError.empty(path: path) }
    return document
  }

  private mutating func document(
    _ path: String, _ read: (String) throws -> FileReader.File
  ) throws -> YAMLNode? {
    let file: FileReader.File
    do {
      file = try read(path)
    } catch {
      guard let cause = error as? SystemError else { throw error }
      throw ConfigurationError.unreadable(path: path, cause: cause)
    }
    if let danger = file.danger { throw ConfigurationError.untrusted(danger) }
    if !filesRead.contains(where: { $0.isSame(as: path) }) {
      filesRead.append(path)
      if file.isExposed { exposedFiles.append(path) }
    }
    open.append(path)
    defer { open.removeLast() }
    var parser = YAMLParser(file: path)
    do {
      guard let document = try parser.parse(file.bytes) else { return nil }
      let resolved = try resolve(document)
      try checkTags(resolved)
      return resolved
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
  private mutating func resolve(_ node: YAMLNode) throws -> YAMLNode {
    if node.has(tag: "!include") { return try included(node) }
    var node = node
    switch node.content {
    case .scalar: break
    case .sequence(let elements):
      node.content = .sequence(try elements.map { try resolve($0) })
    case .mapping(let entries):
      var base: YAMLNode?
      var own: [YAMLNode.Entry] = []
      for entry in entries {
        let value = try resolve(entry.value)
        guard entry.key.isSame(as: "<<") else {
          own.append(YAMLNode.Entry(key: entry.key, keyMark: entry.keyMark, value: value))
          continue
        }
        var parts: [YAMLNode] = if case .sequence(let parts) = value.content { parts } else { [value] }
        // Of mappings in a list the earlier wins, as YAML says; of files in one !include the later, as borgmatic does.
        if !entry.value.has(tag: "!include") { parts.reverse() }
        for part in parts { base = try base.map { try Merge.merge(part, over: $0) } ?? part }
      }
      repeated += Merge.repeated(in: own)
      node.content = .mapping(Merge.joiningDuplicates(own))
      if let base { node = try Merge.merge(node, over: base) }
    }
    return node
  }

  private mutating func included(_ node: YAMLNode) throws -> YAMLNode {
    if case .sequence(let elements) = node.content {
      return YAMLNode(.sequence(try elements.map { try included($0) }), mark: node.mark)
    }
    guard let name = node.text else {
      throw Self.problem(node, "!include needs a file's name", "Write it as '!include common.yaml'")
    }
    let target = path(of: name, includedFrom: node.mark.file)
    guard !open.contains(where: { $0.isSame(as: target) }) else {
      throw Self.problem(node, "The file includes itself: \((open + [target]).joined(separator: " -> "))", nil)
    }
    do {
      let files = files
      let document = try document(target) { target in
        guard let file = try files.included(target) else {
          throw Self.problem(
            node, "What is included is no file: \(target) is a FIFO, a socket or a device",
            "Name a file; what a program writes can be put into one first")
        }
        return file
      }
      guard let document else { throw ConfigurationError.empty(path: target) }
      return document
    } catch ConfigurationError.unreadable(let path, let cause) {
      let isMissing = cause.code == ENOENT || cause.code == ENOTDIR
      throw Self.problem(
        node, "The included file cannot be read: \(path): \(cause.reason)",
        isMissing
          ? "Correct the path, or make the file; it is looked for beside the one that includes it"
          : cause.diagnosis.suggestion)
    }
  }

  /// Where an included file is: beside the one that includes it. The folder that somebody happens to stand in says nothing:
  /// it may be another user's.
  private func path(of name: String, includedFrom file: String) -> String {
    let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) ?? file.startIndex
    let folder = String(file[..<slash])
    return UserPath.absolute(name, from: folder.isEmpty ? "/" : folder, home: home)
  }

  private static let knownTags = "The tags are: !include, !retain, !omit"
  private static let ownTag = "tag:yaml.org,2002:"
  /// Those of YAML's own that change nothing of what is written; `!!binary` would.
  private static let plainTags = Set(["str", "int", "float", "bool", "seq", "map"].map { ExactName(ownTag + $0) })

  /// Tags that nothing took away have no meaning where they are.
  private func checkTags(_ node: YAMLNode) throws {
    switch node.tag {
    case "!retain", "!omit":
      throw Self.problem(
        node, "\(node.tag ?? "") means something only where an included file is merged",
        "Take it out, or merge a file by '<<: !include ...' in this file")
    case let tag? where tag.begins(with: "!"):
      throw Self.problem(node, "There is no tag \(tag)", Self.knownTags)
    case let tag? where !Self.plainTags.contains(ExactName(tag)):
      let name = tag.after(beginning: Self.ownTag).map { "!!\($0)" } ?? tag
      throw Self.problem(node, "There is no tag \(name)", Self.knownTags)
    default: break
    }
    switch node.content {
    case .scalar: break
    case .sequence(let elements): for element in elements { try checkTags(element) }
    case .mapping(let entries): for entry in entries { try checkTags(entry.value) }
    }
  }

  private static func problem(_ node: YAMLNode, _ message: String, _ suggestion: String?) -> ConfigurationError {
    .invalid(
      path: node.mark.file,
      [ConfigurationProblem(mark: node.mark, message: message, suggestion: suggestion)])
  }
}
