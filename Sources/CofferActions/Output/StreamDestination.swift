import CofferSystem

/// Where the user wants a stream of bytes: standard output, or a file that must not be there yet and appears when it is whole.
enum StreamDestination {
  case standardOutput
  case file(FilePlace, path: String)

  /// - Parameter path: As it was written; nil and `-` are standard output.
  /// - Throws: `UsageError` when the file is there already; `UntrustedPlace`; `SystemError`.
  init(_ path: String?, _ context: ActionContext) throws {
    guard let path, !path.isSame(as: "-") else {
      self = .standardOutput
      return
    }
    self = .file(try Self.newFile(path, context), path: path)
  }

  /// Where a file is to come that is not there yet.
  ///
  /// - Throws: As the initialiser does.
  static func newFile(_ path: String, _ context: ActionContext) throws -> FilePlace {
    let place = try FilePlace(context.absolutePath(path))
    guard try !place.folder.holds(place.name) else {
      throw UsageError(
        argument: path, problem: "The file is there already", suggestion: "Name another one, or take it away first")
    }
    return place
  }

  /// The file's path; nil for standard output.
  var path: String? { if case .file(_, let path) = self { path } else { nil } }

  /// Gives `body` what it writes into, and the number of the descriptor behind that. The file gets its name only when `body`
  /// has returned.
  ///
  /// - Throws: What `body` throws; `SystemError`.
  func write(_ console: Console, _ body: (any ByteSink, Int32) throws -> Void) throws {
    switch self {
    case .standardOutput: try body(console.stream(), console.streamNumber)
    case .file(let place, let path):
      let file = try TemporaryFile(in: place.folder, for: place.name)
      try body(FileSink(file, path: path), file.file.number)
      try file.publish(as: place.name)
    }
  }
}
