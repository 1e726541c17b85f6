import CofferSystem
import Foundation

@testable import CofferConfiguration

/// Files that exist in a test only.
func reader(of files: [String: String]) -> FileReader {
  FileReader(
    read: { (path) throws(SystemError) in
      guard let text = files[path] else { throw SystemError(call: "open", subject: path, code: ENOENT) }
      return Array(text.utf8)
    },
    entries: { path in
      let inside = files.keys.filter { $0.hasPrefix(path + "/") }.map { String($0.dropFirst(path.count + 1)) }
      return inside.isEmpty ? nil : inside
    })
}

/// Loads `/c.yaml` out of the given files.
func load(_ files: [String: String], environment: [String: String] = [:]) throws -> Configuration {
  let loader = ConfigurationLoader(
    files: reader(of: files), environment: ProcessEnvironment(environment), currentFolder: "/")
  return try loader.load("/c.yaml")
}

func load(_ text: String, environment: [String: String] = [:]) throws -> Configuration {
  try load(["/c.yaml": text], environment: environment)
}

func problems(_ text: String) -> [String] {
  do {
    _ = try load(text)
    return []
  } catch let error as ConfigurationError {
    return error.problems.map { "\($0.mark): \($0.message)" + ($0.suggestion.map { ". \($0)" } ?? "") }
  } catch {
    return ["\(error)"]
  }
}

let minimal = "repositories:\n  - path: /r\n"
