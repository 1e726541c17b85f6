import CofferSystem

/// What is said about a file that can be used as it is.
public struct ConfigurationNotices: Sendable, Equatable {
  /// An option, where it stands, and what is to be known about it.
  public struct Notice: Sendable, Equatable {
    public let mark: SourceMark
    public let name: String
    public let text: String
  }

  /// Spellings of earlier times; the text says how it is written today.
  public var deprecated: [Notice] = []
  /// Options without a meaning here; the text is what Coffer does instead.
  public var ignored: [Notice] = []
  /// Values that mean something else here; the text says what.
  public var remarks: [Notice] = []
  /// Keys that stand twice; the text says where, and what counts.
  public var repeated: [Notice] = []
  /// Options with nothing behind them yet.
  public var planned: [Notice] = []

  /// Files with secrets in them that other users can read.
  public var exposed: [String] = []

  public init() {}

  /// At most one warning of each kind.
  public func warnings(for path: String) -> [String] {
    var warnings: [String] = []
    if !deprecated.isEmpty {
      warnings.append(
        "\(path): Understood, but spelled in an old way:"
          + deprecated.sorted { ($0.mark.file, $0.mark.line) < ($1.mark.file, $1.mark.line) }.map {
            "\n  \($0.mark.short(in: path)): \($0.text)"
          }.joined())
    }
    if !ignored.isEmpty {
      let texts = Self.unique(ignored.map(\.text))
      warnings.append(
        "\(path): These options have no effect and can be taken out:"
          + texts.map { text in "\n  \(Self.names(ignored.filter { $0.text.isSame(as: text) })): \(text)" }.joined())
    }
    if !remarks.isEmpty {
      let texts = remarks.map { "\n  \($0.name): \($0.text)" }
      warnings.append("\(path): Understood in Coffer's way:" + Self.unique(texts).joined())
    }
    if !repeated.isEmpty {
      warnings.append(
        "\(path): A key should stand once:" + repeated.map { "\n  \($0.name): \($0.text)" }.joined())
    }
    if !planned.isEmpty {
      warnings.append("\(path): Coffer does nothing with these options yet: \(Self.names(planned))")
    }
    warnings += exposed.map { file in
      "\(file): It holds passwords or other secrets, and other users can read it\n  chmod go-r \(Quoting.shellWord(file))"
    }
    return warnings
  }

  private static func names(_ notices: [Notice]) -> String {
    unique(notices.map(\.name)).joined(separator: ", ")
  }

  private static func unique(_ texts: [String]) -> [String] {
    texts.reduce(into: []) { all, text in
      if !all.contains(where: { $0.isSame(as: text) }) { all.append(text) }
    }
  }
}

extension SourceMark {
  /// The place, without the file's name where that is known.
  fileprivate func short(in path: String) -> String {
    file.isSame(as: path) && line > 0 ? "line \(line)" : description
  }
}
