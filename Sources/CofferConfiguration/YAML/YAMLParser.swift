import CYAML
import CofferSystem

/// Turns YAML text into nodes, through libyaml.
struct YAMLParser {
  /// A syntax error, or a limit that no configuration reaches.
  struct Failure: Error, Equatable {
    let mark: SourceMark
    let problem: String
  }

  private let file: String
  private var anchors: [String: YAMLNode] = [:]
  private var nodeCount = 0
  private var text: [UInt8] = []

  private static let depthLimit = 64
  /// Aliases count with all that they stand for.
  private static let nodeLimit = 200_000

  init(file: String) {
    self.file = file
  }

  /// Returns the text's one document; nil for a text without any.
  mutating func parse(_ text: [UInt8]) throws(Failure) -> YAMLNode? {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else {
      throw Failure(mark: mark(yaml_mark_t()), problem: "no memory for the parser")
    }
    defer { yaml_parser_delete(parser) }
    self.text = text
    return try text.withUnsafeBufferPointer { (text) throws(Failure) -> YAMLNode? in
      yaml_parser_set_input_string(parser, text.baseAddress, text.count)
      var document: YAMLNode?
      while true {
        let event = try next(parser)
        switch event.kind {
        case .streamEnd: return document
        case .start:
          guard document == nil else { throw failure(event, "a second document begins; a file holds one") }
          document = try node(parser, try next(parser), depth: 0)
        case .ignored: continue
        default: throw failure(event, "something stands outside the document")
        }
      }
    }
  }

  // MARK: - Events

  private struct Event {
    enum Kind {
      case ignored, start, streamEnd, mappingStart, sequenceStart, end
      case scalar(String, isPlain: Bool)
      case alias(String)
    }

    let kind: Kind
    let mark: SourceMark
    var anchor: String?
    var tag: String?
  }

  private func next(_ parser: UnsafeMutablePointer<yaml_parser_t>) throws(Failure) -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError(parser.pointee) }
    defer { yaml_event_delete(&event) }
    let place = mark(event.start_mark)
    switch event.type {
    case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, mark: place)
    case YAML_DOCUMENT_START_EVENT: return Event(kind: .start, mark: place)
    case YAML_MAPPING_START_EVENT:
      let data = event.data.mapping_start
      return Event(kind: .mappingStart, mark: place, anchor: text(data.anchor), tag: text(data.tag))
    case YAML_SEQUENCE_START_EVENT:
      let data = event.data.sequence_start
      return Event(kind: .sequenceStart, mark: place, anchor: text(data.anchor), tag: text(data.tag))
    case YAML_MAPPING_END_EVENT, YAML_SEQUENCE_END_EVENT: return Event(kind: .end, mark: place)
    case YAML_ALIAS_EVENT: return Event(kind: .alias(text(event.data.alias.anchor) ?? ""), mark: place)
    case YAML_SCALAR_EVENT:
      let data = event.data.scalar
      let value = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
      return Event(
        kind: .scalar(value, isPlain: data.style == YAML_PLAIN_SCALAR_STYLE), mark: place,
        anchor: text(data.anchor), tag: text(data.tag))
    default: return Event(kind: .ignored, mark: place)
    }
  }

  private mutating func node(
    _ parser: UnsafeMutablePointer<yaml_parser_t>, _ event: Event, depth: Int
  ) throws(Failure) -> YAMLNode {
    guard depth < Self.depthLimit else { throw failure(event, "values are nested too deeply") }
    try count(1, event)
    let node: YAMLNode
    switch event.kind {
    case .scalar(let text, let isPlain):
      node = YAMLNode(.scalar(text, isPlain: isPlain && event.tag == nil), mark: event.mark, tag: event.tag)
    case .alias(let name):
      guard let target = anchors[name] else { throw failure(event, "there is no anchor '\(name)'") }
      try count(Self.size(of: target), event)
      return target
    case .sequenceStart:
      var elements: [YAMLNode] = []
      while let element = try element(parser) {
        elements.append(try self.node(parser, element, depth: depth + 1))
      }
      node = YAMLNode(.sequence(elements), mark: event.mark, tag: event.tag)
    case .mappingStart:
      node = YAMLNode(.mapping(try entries(parser, depth: depth)), mark: event.mark, tag: event.tag)
    default: throw failure(event, "a value was expected")
    }
    if let anchor = event.anchor { anchors[anchor] = node }
    return node
  }

  private mutating func entries(
    _ parser: UnsafeMutablePointer<yaml_parser_t>, depth: Int
  ) throws(Failure) -> [YAMLNode.Entry] {
    var entries: [YAMLNode.Entry] = []
    while let keyEvent = try element(parser) {
      let key = try node(parser, keyEvent, depth: depth + 1)
      guard let name = key.text else { throw failure(keyEvent, "a key must be a single word") }
      let value = try node(parser, try next(parser), depth: depth + 1)
      entries.append(YAMLNode.Entry(key: name, keyMark: key.mark, value: value))
    }
    return entries
  }

  /// Returns the next event of a collection; nil at its end.
  private func element(_ parser: UnsafeMutablePointer<yaml_parser_t>) throws(Failure) -> Event? {
    let event = try next(parser)
    if case .end = event.kind { return nil }
    return event
  }

  // MARK: - Limits and errors

  private mutating func count(_ nodes: Int, _ event: Event) throws(Failure) {
    nodeCount += nodes
    guard nodeCount <= Self.nodeLimit else { throw failure(event, "the file holds too many values") }
  }

  private static func size(of node: YAMLNode) -> Int {
    switch node.content {
    case .scalar: 1
    case .sequence(let elements): elements.reduce(1) { $0 + size(of: $1) }
    case .mapping(let entries): entries.reduce(1) { $0 + size(of: $1.value) }
    }
  }

  private func failure(_ event: Event, _ problem: String) -> Failure {
    Failure(mark: event.mark, problem: problem)
  }

  private func syntaxError(_ parser: yaml_parser_t) -> Failure {
    let problem = parser.problem.map { String(cString: $0) } ?? "the text is no YAML"
    let context = parser.context.map { String(cString: $0) + ": " } ?? ""
    return Failure(mark: place(parser), problem: context + problem)
  }

  /// Of bytes that are no text libyaml has no mark: it fails as it reads ahead.
  private func place(_ parser: yaml_parser_t) -> SourceMark {
    guard parser.error == YAML_READER_ERROR, parser.encoding == YAML_UTF8_ENCODING else {
      return mark(parser.problem_mark)
    }
    let before = text.prefix(parser.problem_offset)
    let newline = UInt8(ascii: "\n")
    let line = before[(before.lastIndex(of: newline).map { $0 + 1 } ?? 0)...]
    return SourceMark(
      file: file, line: before.count { $0 == newline } + 1, column: line.count { $0 & 0xC0 != 0x80 } + 1)
  }

  private func mark(_ mark: yaml_mark_t) -> SourceMark {
    SourceMark(file: file, line: mark.line + 1, column: mark.column + 1)
  }

  private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    pointer.map { String(cString: $0) }
  }
}
