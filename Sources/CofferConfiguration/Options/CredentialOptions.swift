/// How the programs and folders behind `{credential ...}` are found.
public enum CredentialOptions {
  public static let container = OptionKey<ConfigurationSection>(
    "container", "Secrets of containers: '{credential container NAME}'.",
    schema: OptionSchema("Credentials of containers", [secretsDirectory.option]))
  public static let systemd = OptionKey<ConfigurationSection>(
    "systemd", "Credentials of systemd: '{credential systemd NAME}'.",
    schema: OptionSchema(
      "Credentials of systemd", [systemdCredsCommand.option, encryptedCredentialsDirectory.option]))
  public static let keepassxc = OptionKey<ConfigurationSection>(
    "keepassxc", "KeePassXC: '{credential keepassxc DATABASE ENTRY}'.",
    schema: OptionSchema(
      "Credentials of KeePassXC",
      [
        keepassxcCommand.option, secretToolCommand.option, askForPassword.option, keyFile.option, yubikey.option,
      ]))
  public static let onepassword = OptionKey<ConfigurationSection>(
    "onepassword", "1Password: '{credential onepassword op://VAULT/ITEM/FIELD}'.",
    schema: OptionSchema("Credentials of 1Password", [onepasswordCommand.option]))

  public static let secretsDirectory = OptionKey<String>(
    "secrets_directory", "The folder of the secrets.", default: "/run/secrets")
  public static let systemdCredsCommand = OptionKey<CommandWords>(
    "systemd_creds_command", "What to run in place of systemd-creds, when not started by systemd.",
    default: "systemd-creds")
  public static let encryptedCredentialsDirectory = OptionKey<String>(
    "encrypted_credentials_directory", "The folder of encrypted credentials.", default: "/etc/credstore.encrypted")
  public static let keepassxcCommand = OptionKey<CommandWords>(
    "keepassxc_cli_command", "What to run in place of keepassxc-cli.", default: "keepassxc-cli")
  public static let secretToolCommand = OptionKey<CommandWords>(
    "secret_tool_command", "What to run in place of secret-tool, for the database 'secret-service'.",
    default: "secret-tool")
  public static let askForPassword = OptionKey<Bool>(
    "ask_for_password", "Whether the database has a password that keepassxc-cli asks for on the terminal.",
    default: true)
  public static let keyFile = OptionKey<String?>(
    "key_file", "The key file that unlocks the database.", example: "/root/backup.keyx")
  public static let yubikey = OptionKey<String?>(
    "yubikey", "The YubiKey that unlocks the database: slot, or slot and serial number.", example: "1:7370001")
  public static let onepasswordCommand = OptionKey<CommandWords>(
    "op_command", "What to run in place of op.", default: "op")

  public static let schema = OptionSchema(
    "Credentials", [container.option, systemd.option, keepassxc.option, onepassword.option])
}
