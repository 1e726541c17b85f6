import CofferSystem

/// How user and password reach a client: never through its arguments.
struct MariaDBCredentials: Sendable, Equatable {
  var username: String?
  var password: String?
  var usesEnvironment = false

  /// What `--defaults-extra-file` is to name in a child; the number is free there, as only this one is handed on.
  private static let descriptor: Int32 = 3
  private static let extraFile = "--defaults-extra-file="

  /// A value that no option file can hold.
  struct Unquotable: Error, Equatable {}

  /// Calls `body` with a command whose user and password are the credentials'; they are there for as long as the call
  /// takes, which must be long enough to start it.
  ///
  /// - Parameters:
  ///   - options: Arguments that come first. A `--defaults-extra-file` among them, which only one can be of, is included
  ///     in the one that is made here.
  ///   - connection: Arguments that come next.
  /// - Throws: `Unquotable`; `SystemError`; what `body` throws.
  func command<Result>(
    _ words: [String], _ options: [String], _ connection: [String], _ arguments: [String], context: HookContext,
    _ body: (ChildCommand) throws -> Result
  ) throws -> Result {
    var command = ChildCommand(
      words.first ?? "", Array(words.dropFirst()), environment: context.environment,
      workingDirectory: context.workingDirectory)
    let files = options.filter { $0.hasPrefix(Self.extraFile) }
    let others = options.filter { !$0.hasPrefix(Self.extraFile) }
    if usesEnvironment {
      if let password { command.environment.variables["MYSQL_PWD"] = password }
      let user = username.map { ["--user", $0] } ?? []
      command.arguments += Array(files.prefix(1)) + others + connection + user + arguments
      return try body(command)
    }
    guard username != nil || password != nil else {
      command.arguments += Array(files.prefix(1)) + others + connection + arguments
      return try body(command)
    }
    let includes = files.map { "!include \($0.dropFirst(Self.extraFile.count))\n" }.joined()
    let pipe = try TextPipe(includes + (try optionFile()), subject: command.executable)
    command.inherited = [Self.descriptor: pipe.number]
    command.arguments += ["\(Self.extraFile)/dev/fd/\(Self.descriptor)"] + others + connection + arguments
    return try body(command)
  }

  /// The option file's group of clients.
  ///
  /// - Throws: `Unquotable`.
  func optionFile() throws(Unquotable) -> String {
    var text = "[client]\n"
    for (name, value) in [("user", username), ("password", password)] {
      guard let value else { continue }
      text += "\(name)=\(try Self.quoted(value))\n"
    }
    return text
  }

  /// In quotes neither `#` nor blanks mean anything; backslashes and quotes do.
  private static func quoted(_ value: String) throws(Unquotable) -> String {
    guard !value.unicodeScalars.contains(where: { "\n\r\0".unicodeScalars.contains($0) }) else { throw Unquotable() }
    let escaped = value.unicodeScalars.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : String($0) }
    return "\"\(escaped.joined())\""
  }
}
