import CofferSystem
import Glibc

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

  /// How programs read the file.
  enum Reading {
    case client
    /// mariadb-backup: another group than clients' - all of its versions know this one -, and twice.
    case backup

    fileprivate var group: String { self == .client ? "client" : "mariabackup" }
  }

  /// Calls `body` with a command whose user and password are the credentials'; they are there for as long as the call
  /// takes, which must be long enough to start it.
  ///
  /// - Parameters:
  ///   - options: Arguments that come first. A `--defaults-extra-file` among them, which only one can be of, is included
  ///     in the one that is made here.
  ///   - connection: Arguments that come next.
  /// - Throws: `Unquotable`; `SystemError`; what `body` throws.
  func command<Result>(
    _ words: [String], _ options: [String], _ connection: [String], _ arguments: [String],
    for reading: Reading = .client,
    context: HookContext, _ body: (ChildCommand) throws -> Result
  ) throws -> Result {
    var command = ChildCommand(
      words.first ?? "", Array(words.dropFirst()), environment: context.environment,
      workingDirectory: context.workingDirectory
    )
    .installed(by: MariaDBFailure.installations)
    let files = options.filter { $0.begins(with: Self.extraFile) }
    let others = options.filter { !$0.begins(with: Self.extraFile) }
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
    let own = hideOwnFile(from: &command, context)
    let paths = files.compactMap { $0.after(beginning: Self.extraFile) } + [own].compactMap(\.self)
    let includes = paths.map { "!include \($0)\n" }.joined()
    let pipe = try TextPipe(
      includes + (try optionFile(reading)), subject: command.executable, isReadAgain: reading == .backup)
    command.inherited = [Self.descriptor: pipe.number]
    command.arguments += ["\(Self.extraFile)/dev/fd/\(Self.descriptor)"] + others + connection + arguments
    return try body(command)
  }

  /// A user's `~/.my.cnf` is read behind any file that an argument can name, and would win over what is configured. So
  /// the clients get another home, and the file is included before the configured user and password.
  ///
  /// - Returns: The file's path; nil when there is none.
  private func hideOwnFile(from command: inout ChildCommand, _ context: HookContext) -> String? {
    guard let home = context.environment["HOME"], !home.isEmpty, !home.utf8.contains(where: { $0 < 0x20 }) else {
      return nil
    }
    let variables = context.environment
    // MySQL's clients read another one last of all. It counts for what is not configured.
    if password == nil, variables["MYSQL_TEST_LOGIN_FILE"] == nil, access("\(home)/.mylogin.cnf", F_OK) == 0 {
      command.environment.variables["MYSQL_TEST_LOGIN_FILE"] = "\(home)/.mylogin.cnf"
    }
    let hasFile = access("\(home)/.my.cnf", F_OK) == 0
    guard hasFile || access("\(home)/.mylogin.cnf", F_OK) == 0 else { return nil }
    command.environment.variables["HOME"] = context.runtime.path
    return hasFile ? "\(home)/.my.cnf" : nil
  }

  /// The option file's group.
  ///
  /// - Throws: `Unquotable`.
  func optionFile(_ reading: Reading = .client) throws(Unquotable) -> String {
    var text = "[\(reading.group)]\n"
    for (name, value) in [("user", username), ("password", password)] {
      guard let value else { continue }
      guard let quoted = Quoting.optionFileValue(value) else { throw Unquotable() }
      text += "\(name)=\(quoted)\n"
    }
    return text
  }

}
