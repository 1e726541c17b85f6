import CofferSystem
import Foundation

/// Turns `{credential TYPE ...}` into the secret that it stands for; any other text stands for itself.
public struct CredentialResolver: Sendable {
  private let files: FileReader
  private let environment: ProcessEnvironment
  private let folder: String

  /// - Parameter folder: What relative paths start from; absolute.
  public init(files: FileReader = .system, environment: ProcessEnvironment, folder: String) {
    self.files = files
    self.environment = environment
    self.folder = folder
  }

  /// - Throws: `CredentialError`.
  public func value(_ text: String) throws(CredentialError) -> String {
    guard text.hasPrefix("{credential") else { return text }
    guard let end = text.firstIndex(of: "}"), text.index(after: end) == text.endIndex,
      let words = try? ShellWords.split(String(text[text.index(after: text.startIndex)..<end])),
      words.first == "credential"
    else { throw .malformed(text) }
    guard words.count == 3, words[1] == "file" else { throw .malformed(text) }
    return try contents(of: words[2])
  }

  /// What a file holds, without the line's end.
  ///
  /// - Throws: `CredentialError`.
  public func contents(of path: String) throws(CredentialError) -> String {
    var bytes: [UInt8]
    do throws(SystemError) { bytes = try files.read(absolute(path)) } catch { throw .unreadable(path: path, error) }
    while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else { throw .empty(path: path) }
    return text
  }

  private func absolute(_ path: String) -> String {
    if path.hasPrefix("~/"), let home = environment["HOME"] { return home + path.dropFirst() }
    return path.hasPrefix("/") ? path : "\(folder)/\(path)"
  }
}

/// A secret that could not be had.
public enum CredentialError: DiagnosableError, Equatable {
  case malformed(String)
  case unreadable(path: String, SystemError)
  case empty(path: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .malformed(let text):
      Diagnosis(
        subject: text, problem: "This is no credential",
        suggestion: "Write, for example, '{credential file /etc/secret}'"
      )
    case .unreadable(let path, let error):
      Diagnosis(
        subject: "credential file \(path)", problem: "It cannot be read: \(error.reason)",
        suggestion: "Check the path and who may read it")
    case .empty(let path):
      Diagnosis(
        subject: "credential file \(path)", problem: "It holds no text", suggestion: "Write the secret into it, alone")
    }
  }
}
