import CofferSystem

/// The shell that runs an entry's commands, with the values of one dump or restore.
///
/// Values reach it as variables of its environment (see `CommandTemplate`); the password, too, under a name that no braces
/// stand for: in an argument every user of the machine could read it.
struct CustomShell {
  private let variables: CommandVariables
  private let password: String?
  private let context: HookContext

  private static let passwordVariable = "COFFER_PASSWORD"

  /// - Parameters:
  ///   - name: The database's.
  ///   - files: Names of files, by what stands for them.
  /// - Throws: `UnfitValue`.
  init(
    _ name: String, at server: ServerAddress, files: [String: String] = [:], context: HookContext
  ) throws(UnfitValue) {
    let values = [
      "name": name, "hostname": server.hostname ?? "", "port": server.port.map { String($0) } ?? "",
      "username": server.username ?? "",
    ].merging(files) { _, file in file }
    for (key, value) in values.sorted(by: { $0.key < $1.key }) { try Self.check(value, of: key) }
    if let password = server.password { try Self.check(password, of: "password") }
    variables = CommandVariables(values)
    password = server.password
    self.context = context
  }

  func command(_ command: CustomCommand) -> ChildCommand {
    var environment = context.environment
    environment.variables.merge(variables.environment) { _, new in new }
    environment.variables[Self.passwordVariable] = password
    return ChildCommand(
      "/bin/sh", ["-c", CommandTemplate(command.spelling, variables: variables).line], environment: environment,
      workingDirectory: context.workingDirectory)
  }

  /// A value that would reach the command cut off or without some of its bytes, and so mean something else.
  struct UnfitValue: Error {
    let name: String

    var problem: String { "its \(name) holds a zero byte or is too long to be handed to a command" }
  }

  private static func check(_ value: String, of name: String) throws(UnfitValue) {
    guard CommandVariables.isWhole(value) else { throw UnfitValue(name: name) }
  }
}
