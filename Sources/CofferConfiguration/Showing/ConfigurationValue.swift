import CofferSystem

/// A value of a configuration, to be shown.
public indirect enum ConfigurationValue: Sendable, Equatable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  case list([ConfigurationValue])
  /// In the order of writing.
  case section([Member])

  public struct Member: Sendable, Equatable {
    public let name: String
    public let value: ConfigurationValue
  }
}

extension ConfigurationValue {
  /// What is shown in a secret's place.
  private static let mask = "***"

  /// - Parameters:
  ///   - option: What the node is the value of; nil when that is not known.
  ///   - top: The options of a file's top.
  ///   - hidesSecrets: Whether secrets are masked; references to credentials are none.
  init(_ node: YAMLNode, of option: Option?, in top: OptionSchema, hidesSecrets: Bool) {
    let schema = option?.sectionSchema
    switch node.content {
    case .sequence(let elements):
      self = .list(elements.map { ConfigurationValue($0, of: option, in: top, hidesSecrets: hidesSecrets) })
    case .mapping(let entries):
      self = .section(
        entries.map { entry in
          let inner = schema?[entry.key] ?? (schema?.takesTopOptions == true ? top[entry.key] : nil)
          return Member(
            name: entry.key,
            value: ConfigurationValue(entry.value, of: inner, in: top, hidesSecrets: hidesSecrets))
        })
    case .scalar:
      if let text = node.text, option?.isSecret == true, hidesSecrets, !text.begins(with: "{credential ") {
        self = .text(Self.mask)
      } else {
        self.init(scalar: node, isText: option?.isText == true)
        // Servers are named by URLs, and some hold a user's password.
        if hidesSecrets, case .text(let text) = self { self = .text(URLSecrets.masked(text)) }
      }
    }
  }

  private init(scalar node: YAMLNode, isText: Bool) {
    if node.isNull {
      self = .null
    } else if isText {
      self = .text(node.text ?? "")
    } else if let truth = node.boolean {
      self = .boolean(truth)
    } else if let number = node.integer {
      self = .integer(number)
    } else if let number = node.number {
      self = .number(number)
    } else {
      self = .text(node.text ?? "")
    }
  }
}

extension Option {
  fileprivate var isText: Bool {
    switch kind {
    case .text, .list(.text): true
    default: false
    }
  }
}

extension Configuration {
  /// The options as they count, with included files, constants, variables and the command line's options put in.
  public func value(hidesSecrets: Bool) -> ConfigurationValue {
    let entries = root.node.entries.filter { !$0.key.isSame(as: RunOptions.constants.name) }
    return .section(
      entries.map { entry in
        ConfigurationValue.Member(
          name: entry.key,
          value: ConfigurationValue(
            entry.value, of: known.top[entry.key], in: known.top, hidesSecrets: hidesSecrets))
      })
  }

  /// One option's value, or its default.
  ///
  /// - Parameter name: With dots and numbers for options inside others: `repositories[0].path`.
  /// - Returns: nil when there is no such option.
  public func value(of name: String, hidesSecrets: Bool) -> ConfigurationValue? {
    guard let flag = OptionFlag("--" + name.swapping("_", for: "-"), in: known), !flag.isNegated else { return nil }
    var node: YAMLNode? = root.node
    for step in flag.path {
      switch step {
      case .name(let name): node = node?[name]
      case .index(let index):
        let elements = node?.elements ?? []
        node = elements.indices.contains(index) ? elements[index] : nil
      }
    }
    if let node, !node.isNull {
      return ConfigurationValue(node, of: flag.option, in: known.top, hidesSecrets: hidesSecrets)
    }
    guard let standard = flag.option.standard,
      let node = try? OptionFlag.node(standard, kind: flag.kind, argument: name)
    else { return .null }
    return ConfigurationValue(node, of: flag.option, in: known.top, hidesSecrets: hidesSecrets)
  }
}
