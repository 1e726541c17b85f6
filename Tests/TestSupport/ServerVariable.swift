import Foundation

/// A server that contrib/test has started, as it tells of it: `hostname:port:username:password` in a variable.
struct ServerVariable {
  let hostname: String
  let port: Int
  let username: String
  let password: String

  struct NotStarted: Error, CustomStringConvertible {
    let description = "The tests need database servers; run them with contrib/test"
  }

  /// - Throws: `NotStarted`.
  init(_ name: String) throws {
    let text = ProcessInfo.processInfo.environment[name] ?? ""
    let parts = text.split(separator: ":").map(String.init)
    guard parts.count == 4, let port = Int(parts[1]) else { throw NotStarted() }
    hostname = parts[0]
    self.port = port
    username = parts[2]
    password = parts[3]
  }
}
