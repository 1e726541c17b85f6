import CofferSystem

/// What a server answered.
public struct HTTPAnswer: Sendable {
  /// 200 for example.
  public let status: Int
  /// As far as the limit allowed.
  public let body: [UInt8]
  /// Whether the server sent more than the limit.
  public let isCut: Bool
  /// Whether the server may have got the request before, by a connection that was lost then.
  public let mayHaveComeTwice: Bool
  private let lines: [String]

  /// - Parameter head: The status line and the lines of the headers.
  init(status: Int, head: [String], body: [UInt8], isCut: Bool, mayHaveComeTwice: Bool) {
    self.status = status
    self.body = body
    self.isCut = isCut
    self.mayHaveComeTwice = mayHaveComeTwice
    lines = head
  }

  /// The value of a header, the last of several; nil when there is none of that name.
  ///
  /// - Parameter name: In lower-case letters.
  public func header(_ name: String) -> String? {
    lines.last { Self.name(of: $0).isSame(as: name) }.map { $0.parts(by: ":", limit: 2)[1].trimmed }
  }

  /// Empty for lines that are no headers.
  private static func name(of line: String) -> String {
    let parts = line.parts(by: ":", limit: 2)
    return parts.count < 2 ? "" : parts[0].trimmed.lowercased()
  }
}
