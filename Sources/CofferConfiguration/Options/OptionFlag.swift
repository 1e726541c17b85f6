import CofferSystem

/// An option as a flag of the command line: `--keep-daily`, `--bootstrap.store-config-files`, `--repositories[0].path`,
/// and `--no-color` to switch one off or to leave a section out.
public struct OptionFlag: Sendable {
  let path: [OptionChange.Step]
  let kind: OptionKind
  let option: Option
  let isNegated: Bool
  private let name: String
  /// Whether the value, or a part of it, is to be shown to nobody.
  public let isSecret: Bool

  /// - Parameter flag: With its dashes.
  /// - Returns: nil when no option is called like that.
  public init?(_ flag: String, in options: OptionCatalogue) {
    guard let text = flag.after(beginning: "--")?.swapping("-", for: "_") else { return nil }
    if let found = Self.find(text, options.top) {
      self.init(flag, found, isNegated: false)
    } else if let name = text.after(beginning: "no_"), let found = Self.find(name, options.top), found.canBeNegated {
      self.init(flag, found, isNegated: true)
    } else {
      return nil
    }
  }

  private init(_ flag: String, _ found: Found, isNegated: Bool) {
    name = flag
    path = found.path
    kind = found.kind
    option = found.option
    isSecret = found.option.holdsSecrets
    self.isNegated = isNegated
  }

  /// Whether the next argument is its value. Truth values need none, but may be given after `=`.
  public var takesValue: Bool {
    if case .boolean = kind { false } else { !isNegated }
  }

  /// - Parameter value: nil when none was given.
  /// - Throws: `ConfigurationProblem` when the value is no YAML.
  public func change(to value: String?) throws(ConfigurationProblem) -> OptionChange {
    let argument = value.map { isSecret ? name : "\(name) \($0)" } ?? name
    if isNegated, case .section = kind { return OptionChange(path: path, value: nil, argument: argument) }
    let text = value ?? (isNegated ? "false" : "true")
    return OptionChange(path: path, value: try Self.node(text, kind: kind, argument: argument), argument: argument)
  }

  /// Returns the flag that somebody probably meant; below a section or list, of what is in it.
  public static func nearest(to flag: String, in options: OptionCatalogue) -> String? {
    guard let dot = flag.lastIndex(of: "."), let outer = OptionFlag(String(flag[..<dot]), in: options) else {
      return NearestName.of(flag, among: options.top.options.map { "--\(dashed($0.name))" })
    }
    guard case .section(let schema?) = outer.kind else { return nil }
    let name = dashed(String(flag[flag.index(after: dot)...]))
    return NearestName.of(name, among: schema.options.map { dashed($0.name) }).map { "\(flag[...dot])\($0)" }
  }

  private static func dashed(_ name: String) -> String { name.swapping("_", for: "-") }

  /// Text stands for itself; any other kind is written as YAML.
  static func node(_ text: String, kind: OptionKind, argument: String) throws(ConfigurationProblem) -> YAMLNode {
    let mark = SourceMark(argument: argument)
    if case .text = kind { return YAMLNode(.scalar(text, isPlain: false), mark: mark) }
    var parser = YAMLParser(file: argument)
    do throws(YAMLParser.Failure) {
      let node = try parser.parse(Array(text.utf8)) ?? YAMLNode(.scalar("", isPlain: true), mark: mark)
      return node.moved(to: mark)
    } catch {
      throw ConfigurationProblem(
        mark: mark, message: "The value is not YAML: \(error.problem)", suggestion: "Quote it: '[a, b]' or '{a: b}'")
    }
  }

  // MARK: - Finding

  private struct Found {
    var path: [OptionChange.Step] = []
    var kind: OptionKind
    var option: Option

    /// Truth values can be switched off, sections at the top left out.
    var canBeNegated: Bool {
      switch kind {
      case .boolean: true
      case .section: path.count == 1
      default: false
      }
    }
  }

  private static func find(_ text: String, _ top: OptionSchema) -> Found? {
    var schema: OptionSchema? = top
    var found: Found?
    for part in text.parts(by: ".") {
      let pieces = part.parts(by: "[", limit: 2, keepingEmpty: false)
      guard let name = pieces.first, let here = schema,
        let option = here[name] ?? (here.takesTopOptions ? top[name] : nil)
      else { return nil }
      var path = (found?.path ?? []) + [.name(name)]
      var kind = option.kind
      if pieces.count == 2 {
        guard let digits = pieces[1].before(end: "]"), let index = Int(digits), index >= 0,
          case .list(let element) = kind
        else { return nil }
        path.append(.index(index))
        kind = element
      }
      if case .section(let inner) = kind { schema = inner } else { schema = nil }
      found = Found(path: path, kind: kind, option: option)
    }
    return found
  }
}

extension Option {
  /// Whether its value is a secret, or a section with one in it.
  var holdsSecrets: Bool {
    if isSecret { return true }
    switch kind {
    case .section(let schema?), .list(.section(let schema?)):
      return schema.takesTopOptions || schema.options.contains(where: \.holdsSecrets)
    default: return false
    }
  }
}
