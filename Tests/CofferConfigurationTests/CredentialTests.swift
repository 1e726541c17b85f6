import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Credentials")
struct CredentialTests {
  private static let files = [
    "/srv/secret": "s3cret\n", "/run/secrets/db": "from a container\r\n", "/own/db": "elsewhere",
    "/creds/db": "from systemd", "/home/me/x": "at home", "/empty": "\n", "/srv/it's here": "quoted",
  ]

  /// Stands in for a credential program: prints its name, arguments and what it reads.
  private final class Program: Sendable {
    let path: String
    private let folder: String

    init(_ script: String) throws {
      folder = NSTemporaryDirectory() + "credential-" + UUID().uuidString
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      path = folder + "/program"
      try Data("#!/bin/sh\necho run >> \(folder)/runs\n\(script)\n".utf8).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    }

    var runs: Int {
      ((try? String(contentsOfFile: folder + "/runs", encoding: .utf8)) ?? "").split(separator: "\n").count
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
  }

  private func resolver(
    _ options: String = "", environment: [String: String] = [:],
    ask: @escaping @Sendable (String) -> String? = { _ in nil }
  ) throws -> CredentialResolver {
    let all = environment.merging(["PATH": "/usr/bin:/bin", "HOME": "/home/me", "COFFER_PASSPHRASE": "p"]) { a, _ in a }
    return CredentialResolver(
      files: reader(of: Self.files), environment: ProcessEnvironment(all), folder: "/srv",
      root: try load(minimal + options).root, ask: ask)
  }

  private func problem(_ text: String, _ resolver: CredentialResolver) -> String {
    do throws(CredentialError) {
      return "no error: " + (try resolver.value(text))
    } catch {
      return error.description
    }
  }

  @Test(
    "Files hold secrets, without the end of their line",
    arguments: [
      ("{credential file /srv/secret}", "s3cret"), ("{credential file secret}", "s3cret"),
      ("{credential file ~/x}", "at home"), ("{credential file \"it's here\"}", "quoted"),
      ("{credential container db}", "from a container"), ("hunter2", "hunter2"), ("{credentials", "{credentials"),
    ])
  func files(text: String, secret: String) throws {
    #expect(try resolver().value(text) == secret)
  }

  @Test("A container's secrets may be in another folder")
  func container() throws {
    #expect(try resolver("container:\n  secrets_directory: /own\n").value("{credential container db}") == "elsewhere")
  }

  @Test("A service finds its credentials as files, others have them decrypted")
  func systemd() throws {
    #expect(
      try resolver(environment: ["CREDENTIALS_DIRECTORY": "/creds"]).value("{credential systemd db}")
        == "from systemd")
    let program = try Program("echo $@")
    #expect(
      try resolver("systemd:\n  systemd_creds_command: \(program.path) --tpm2\n").value("{credential systemd db}")
        == "--tpm2 decrypt /etc/credstore.encrypted/db")
  }

  @Test("KeePassXC is asked for the entry's password, with what unlocks the database")
  func keepassxc() throws {
    let program = try Program("echo $@; cat")
    let options = "keepassxc:\n  keepassxc_cli_command: \(program.path)\n"
    let start = "show --show-protected --attributes Password"
    #expect(
      try resolver(options + "  ask_for_password: false\n  key_file: /k\n  yubikey: \"1\"\n").value(
        "{credential keepassxc db.kdbx 'web site'}")
        == "\(start) --no-password --key-file /k --yubikey 1 /srv/db.kdbx web site")
    let asking = try resolver(options) { $0 == "Password of db.kdbx: " ? "typed" : nil }
    #expect(try asking.value("{credential keepassxc db.kdbx e}") == "\(start) /srv/db.kdbx e\ntyped")
    #expect(
      problem("{credential keepassxc db.kdbx e}", try resolver(options)).contains(
        "{credential keepassxc db.kdbx e}: The database wants its password, and there is no terminal"))
    #expect(
      try resolver("keepassxc:\n  secret_tool_command: \(program.path)\n").value(
        "{credential keepassxc secret-service e}") == "lookup Path e")
  }

  @Test("1Password is asked for the field")
  func onepassword() throws {
    let program = try Program("printf '%s ' $@")
    #expect(
      try resolver("onepassword:\n  op_command: \(program.path)\n").value("{credential onepassword op://v/i/f}")
        == "read --no-newline op://v/i/f ")
  }

  @Test("No program is asked twice, nor given repositories' passphrases")
  func once() throws {
    let program = try Program("echo \"${COFFER_PASSPHRASE:-nothing}\"")
    let resolver = try resolver("onepassword:\n  op_command: \(program.path)\n")
    for _ in 0..<3 { #expect(try resolver.value("{credential onepassword op://v/i/f}") == "nothing") }
    #expect(program.runs == 1)
    _ = try resolver.value("{credential onepassword op://v/i/g}")
    #expect(program.runs == 2)
  }

  @Test("A command's output is the secret, asked anew in each run, once in each")
  func command() throws {
    let program = try Program("printf '%s|' \"$@\" \"${COFFER_PASSPHRASE:-nothing}\"; echo \"$VAULT_ADDR\"")
    let reference = "{credential command \(program.path) kv get 'a b' $HOME}"
    for run in 1...2 {
      let resolver = try resolver(environment: ["VAULT_ADDR": "here"])
      for _ in 0..<3 { #expect(try resolver.value(reference) == "kv|get|a b|$HOME|nothing|here") }
      #expect(program.runs == run)
    }
    #expect(problem("{credential command}", try resolver()).contains("It takes a program and its arguments"))
  }

  @Test("A command that fails, prints too much or nothing gives no secret, and its last lines tell why")
  func failingCommand() throws {
    let failing = try Program("for n in 1 2 3 4 5 6 7; do echo line $n >&2; done; echo half; exit 2")
    let failed = problem("{credential command \(failing.path) --token s3cret}", try resolver())
    #expect(
      failed.contains(
        "{credential command \(failing.path) ...}: \(failing.path) gave no secret: "
          + "line 3 / line 4 / line 5 / line 6 / line 7"))
    #expect(!failed.contains("s3cret") && !failed.contains("half"))
    for (bytes, isSecret) in [(65536, true), (65537, false), (20_000_000, false)] {
      let long = try Program("head -c \(bytes) /dev/zero | tr '\\0' x")
      let answer = problem("{credential command \(long.path)}", try resolver())
      #expect(answer.hasPrefix("no error: x") == isSecret)
      #expect(answer.contains("it printed more than 64 KiB") == !isSecret)
    }
    #expect(problem("{credential command true}", try resolver()).contains("It holds no text"))
    let silent = problem("{credential command sh -c 'kill -9 $$'}", try resolver())
    #expect(silent.contains("{credential command sh ...}: sh gave no secret: exit status 137"))
  }

  @Test("What goes wrong is told with the credential's name")
  func problems() throws {
    let resolver = try resolver("onepassword:\n  op_command: sh -c 'echo locked >&2; exit 1'\n")
    #expect(
      problem("{credential file /nowhere}", resolver).hasPrefix(
        "{credential file /nowhere}: /nowhere cannot be read: No such file"))
    #expect(problem("{credential file /empty}", resolver).contains("It holds no text"))
    #expect(
      problem("{credential onepassword op://v/i/f}", resolver).contains(
        "{credential onepassword op://v/i/f}: sh gave no secret: locked"))
    #expect(problem("{credential fil /x}", resolver).contains("Did you mean 'file'?"))
    #expect(problem("{credential file}", resolver).contains("It takes a path"))
    #expect(problem("{credential file /a /b}", resolver).contains("It takes a path"))
    #expect(problem("{credential container ../x}", resolver).contains("letters, digits"))
    #expect(problem("{credential systemd ..}", resolver).contains("letters, digits"))
    let trailing = problem("{credential file /srv/secret} hunter2", resolver)
    #expect(trailing.contains("Something stands after the closing brace"))
    #expect(!trailing.contains("hunter2"))
  }

  @Test(
    "What stands in a reference that is none is not shown: it may be a secret",
    arguments: [
      "{credential command vault --token hunter2", "{credential command vault hunter2} x",
      "{credential command 'vault hunter2}", "{credential hunter2}", "{credential hunter2 vault}",
      "{credential file /a hunter2}", "{credential onepassword op://v/i/f hunter2}", "{credential systemd ../hunter2}",
      "{credential container hunter2/x}", "{credential keepassxc hunter2}", "{credential file /srv/secret}hunter2",
    ])
  func malformed(text: String) throws {
    let said = problem(text, try resolver())
    #expect(said.hasPrefix("{credential ") && said.contains("...}: "), "\(said)")
    #expect(!said.contains("hunter2"), "\(said)")
    if let kind = ["file", "systemd"].first(where: { text.hasPrefix("{credential \($0)") }),
      text.hasSuffix("}")
    {
      #expect(said.hasPrefix("{credential \(kind) ...}"), "\(said)")
    }
  }

  @Test("A program that is not there is told")
  func missing() throws {
    #expect(
      problem("{credential onepassword op://v/i/f}", try resolver("onepassword:\n  op_command: /no/such/op\n"))
        .contains("/no/such/op gave no secret"))
  }

  @Test("The passphrase may be a credential, and its command is run once")
  func passphrase() throws {
    let program = try Program("echo from a command")
    let environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    let passphrases = PassphraseResolver(
      launcher: SystemProcessLauncher(), environment: environment, credentials: try resolver(), cache: SecretCache())
    let file = try load(minimal + "encryption_passphrase: \"{credential file /srv/secret}\"\n").root
    #expect(try passphrases.resolve(file) == "s3cret")
    let command = try load(minimal + "encryption_passcommand: \(program.path)\n").root
    for _ in 0..<2 { #expect(try passphrases.resolve(command) == "from a command") }
    #expect(program.runs == 1)
  }
}
