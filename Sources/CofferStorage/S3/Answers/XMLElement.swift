import CofferSystem

/// An element of a short XML document: what servers answer. Attributes are passed over, prefixes of names are cut off, and
/// documents that declare anything are refused.
struct XMLElement: Equatable {
  let name: String
  /// What stands in it beside other elements.
  fileprivate(set) var text = ""
  fileprivate(set) var children: [XMLElement] = []

  struct Malformed: Error {}

  /// Elements within one another; servers need five.
  private static let depthLimit = 16

  /// - Parameter document: As large as may be in memory several times.
  init(_ document: [UInt8]) throws(Malformed) {
    guard String(validating: document, as: UTF8.self) != nil else { throw Malformed() }
    var reader = XMLReader(document)
    var open: [XMLElement] = []
    var root: XMLElement?
    while let piece = try reader.next() {
      switch piece {
      case .begin(let name):
        guard root == nil, open.count < Self.depthLimit else { throw Malformed() }
        open.append(XMLElement(name: name))
      case .end(let name):
        guard let element = open.popLast(), name == nil || name == element.name else { throw Malformed() }
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
      case .text(let text):
        if open.isEmpty {
          guard text.trimmed.isEmpty else { throw Malformed() }
        } else {
          open[open.count - 1].text += text
        }
      }
    }
    guard let root, open.isEmpty else { throw Malformed() }
    self = root
  }

  private init(name: String) {
    self.name = name
  }

  /// The first element of that name in it.
  subscript(name: String) -> XMLElement? { children.first { $0.name.isSame(as: name) } }

  /// The text of the first element of that name in it.
  func text(_ name: String) -> String? { self[name]?.text }
}
