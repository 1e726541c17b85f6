import CofferConfiguration
import CofferSystem

/// The options of one entry of `custom_databases`.
public enum CustomOptions {
  public static let name = OptionKey<String>(
    "name", "What the dump is called in the archive; {name} in the commands.", example: "shop", isRequired: true)
  public static let dumpCommand = OptionKey<CustomCommand?>(
    "dump_command",
    "A shell command that writes the dump to its standard output, or, where it holds {output}, into the file of that name.",
    example: "cockroach dump {name} --host={hostname} && echo '-- end of dump'", isRequired: true,
    knowing: ["output"])
  public static let endCheck = OptionKey<CustomCommand?>(
    "end_check",
    "A shell command that reads the whole dump on its standard input and fails when it is not complete: an exit status of dump_command is not enough. 'cat' takes every dump for complete.",
    example: "tail -n 1 | grep -qxe '-- end of dump'", isRequired: true, knowing: [])
  public static let restoreCommand = OptionKey<CustomCommand?>(
    "restore_command",
    "A shell command that reads the dump on its standard input, or, where it holds {input}, from the file of that name, and restores it.",
    example: "cockroach sql --database={name} --host={hostname}", knowing: ["input"])

  public static let databases = OptionKey<[ConfigurationSection]>(
    "custom_databases", "Databases of other systems, dumped and restored by commands of your own.", support: .own,
    schema: schema)

  public static let schema = OptionSchema(
    "Custom",
    [
      name.option, dumpCommand.option, endCheck.option, restoreCommand.option, ServerOptions.label.option,
      ServerOptions.hostname.option, ServerOptions.restoreHostname.option, ServerOptions.port.option,
      ServerOptions.restorePort.option, ServerOptions.username.option, ServerOptions.restoreUsername.option,
      ServerOptions.password.option, ServerOptions.restorePassword.option, ServerOptions.passwordFile.option,
      ServerOptions.restorePasswordFile.option,
    ] + PatienceOptions.all)
}

extension OptionKey where Value == CustomCommand? {
  /// Declares a command.
  ///
  /// - Parameter names: What may stand in braces in it, besides what may everywhere.
  fileprivate init(
    _ name: String, _ documentation: String, example: String, isRequired: Bool = false, knowing names: [String]
  ) {
    self.init(
      name, documentation, default: nil, example: example, isRequired: isRequired, support: .own,
      format: CustomCommand.form(of: CustomCommand.Place.server + names))
  }
}
