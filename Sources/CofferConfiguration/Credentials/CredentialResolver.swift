import CofferSystem
import Glibc

/// Turns `{credential TYPE ...}` into the secret that it stands for; any other text stands for itself.
///
/// Nothing is asked before a secret is wanted, and nothing is asked twice.
public final class CredentialResolver: Sendable {
  private let files: FileReader
  private let environment: ProcessEnvironment
  private let folder: String
  private let launcher: any ProcessLauncher
  private let root: ConfigurationSection
  private let cache: SecretCache
  private let ask: @Sendable (String) -> String?
  private let warn: @Sendable (String) -> Void

  /// Locked databases may want a key to be touched.
  private static let patience = 120.0
  /// A secret's most bytes.
  private static let secretLimit = 64 << 10
  /// How many of a program's last lines are told when it fails.
  private static let toldLines = 5

  /// - Parameters:
  ///   - environment: What programs that are asked inherit, but for repositories' passphrases.
  ///   - folder: What relative paths start from; absolute.
  ///   - root: Where the options about credentials stand.
  ///   - ask: Asks on the terminal for what it is given; returns nil when there is none.
  ///   - warn: Told of files that other users can read.
  public init(
    files: FileReader = .system, environment: ProcessEnvironment, folder: String,
    launcher: any ProcessLauncher = SystemProcessLauncher(), root: ConfigurationSection = ConfigurationSection(),
    cache: SecretCache = SecretCache(), ask: @escaping @Sendable (String) -> String? = { _ in nil },
    warn: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.files = files
    self.environment = environment.withoutPassphrases
    self.folder = folder
    self.launcher = launcher
    self.root = root
    self.cache = cache
    self.ask = ask
    self.warn = warn
  }

  /// - Throws: `CredentialError`.
  public func value(_ text: String) throws(CredentialError) -> String {
    guard let reference = try CredentialReference(text) else { return text }
    let arguments = reference.arguments
    switch reference.kind {
    case .file: return try contents(of: arguments[0], for: reference.name)
    case .container:
      let secrets = root[CredentialOptions.container][CredentialOptions.secretsDirectory]
      return try contents(of: "\(secrets)/\(arguments[0])", for: reference.name, isHandedOver: true)
    case .systemd: return try systemd(arguments[0], reference)
    case .keepassxc: return try keepassxc(database: arguments[0], entry: arguments[1], reference)
    case .onepassword:
      let command = root[CredentialOptions.onepassword][CredentialOptions.onepasswordCommand]
      return try output(of: command, ["read", "--no-newline", arguments[0]], reference)
    case .command: return try output(ofProgram: arguments[0], Array(arguments.dropFirst()), reference)
    }
  }

  /// What a file holds, without the line's end.
  ///
  /// - Throws: `CredentialError`.
  public func contents(of path: String) throws(CredentialError) -> String {
    try contents(of: path, for: "password file \(path)")
  }

  // MARK: - Kinds

  /// A service gets its credentials as files; anybody else has to have them decrypted.
  private func systemd(_ name: String, _ reference: CredentialReference) throws(CredentialError) -> String {
    if let folder = environment["CREDENTIALS_DIRECTORY"] {
      return try contents(of: "\(folder)/\(name)", for: reference.name, isHandedOver: true)
    }
    let options = root[CredentialOptions.systemd]
    let folder = options[CredentialOptions.encryptedCredentialsDirectory]
    return try output(
      of: options[CredentialOptions.systemdCredsCommand], ["decrypt", "\(folder)/\(name)"], reference)
  }

  private func keepassxc(
    database: String, entry: String, _ reference: CredentialReference
  ) throws(CredentialError) -> String {
    let options = root[CredentialOptions.keepassxc]
    guard database != "secret-service" else {
      return try output(
        of: options[CredentialOptions.secretToolCommand], ["lookup", "Path", entry], reference)
    }
    let wantsPassword = options[CredentialOptions.askForPassword]
    var arguments = ["show", "--show-protected", "--attributes", "Password"]
    if !wantsPassword { arguments.append("--no-password") }
    if let file = options[CredentialOptions.keyFile] { arguments += ["--key-file", absolute(file)] }
    if let key = options[CredentialOptions.yubikey] { arguments += ["--yubikey", key] }
    return try output(
      of: options[CredentialOptions.keepassxcCommand], arguments + [absolute(database), entry],
      reference, password: wantsPassword ? "Password of \(database): " : nil)
  }

  // MARK: - Files and programs

  private func contents(
    of path: String, for name: String, isHandedOver: Bool = false
  ) throws(CredentialError) -> String {
    let path = absolute(path)
    return try cache.value(of: .file(path)) { () throws(CredentialError) in
      let file: FileReader.File
      do throws(SystemError) { file = try files.open(path) } catch { throw .unreadable(name, path: path, error) }
      // What a container or the machine hands over is seen by nobody else there, whatever its owner and mode.
      if let danger = file.danger, !isHandedOver { throw .untrusted(name, danger) }
      if file.isExposed, !isHandedOver {
        warn("\(name): Other users can read it\n  chmod go-r \(Quoting.shellWord(path))")
      }
      return try text(file.bytes, name)
    }
  }

  /// - Parameter password: What to ask for on the terminal and to give to the program; nil for nothing.
  private func output(
    of command: CommandWords, _ arguments: [String], _ reference: CredentialReference, password: String? = nil
  ) throws(CredentialError) -> String {
    guard let program = command.words.first else {
      throw .failed(reference.name, program: command.spelling, detail: "the command is empty")
    }
    return try output(
      ofProgram: program, Array(command.words.dropFirst()) + arguments, reference, password: password)
  }

  private func output(
    ofProgram program: String, _ all: [String], _ reference: CredentialReference, password: String? = nil
  ) throws(CredentialError) -> String {
    try cache.value(of: .command([program] + all)) { () throws(CredentialError) in
      var input: [UInt8]?
      if let password {
        guard let answer = ask(password) else { throw .noTerminal(reference.name) }
        input = Array((answer + "\n").utf8)
      }
      return try text(try run(program, all, input: input, reference), reference.name)
    }
  }

  private func run(
    _ program: String, _ arguments: [String], input: [UInt8]?, _ reference: CredentialReference
  ) throws(CredentialError) -> [UInt8] {
    let result: CommandResult
    do {
      result = try launcher.run(
        ChildCommand(program, arguments, environment: environment, workingDirectory: folder), input: input,
        outputLimit: Self.secretLimit + 1, seconds: Self.patience)
    } catch {
      let detail = Diagnosis(of: error).problem
      throw .failed(reference.name, program: program, detail: detail)
    }
    guard result.status.isSuccess else {
      let lines = result.errorLines.suffix(Self.toldLines)
      throw .failed(
        reference.name, program: program,
        detail: lines.isEmpty ? "exit status \(result.status.code)" : lines.joined(separator: " / "))
    }
    guard result.output.count <= Self.secretLimit else {
      throw .failed(reference.name, program: program, detail: "it printed more than 64 KiB")
    }
    return result.output
  }

  /// Without the end of the line.
  private func text(_ bytes: [UInt8], _ name: String) throws(CredentialError) -> String {
    var bytes = bytes
    while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else { throw .empty(name) }
    return text
  }

  private func absolute(_ path: String) -> String {
    UserPath.absolute(path, from: folder, home: environment.home)
  }
}

extension ProcessEnvironment {
  /// Without what unlocks repositories: no other program has use for it.
  public var withoutPassphrases: ProcessEnvironment {
    let names = ["PASSPHRASE", "PASSCOMMAND", "NEW_PASSPHRASE", "PASSPHRASE_FD"]
    return ProcessEnvironment(
      variables.filter { name, _ in !names.contains { name == "COFFER_\($0)" || name == "BORG_\($0)" } })
  }
}
