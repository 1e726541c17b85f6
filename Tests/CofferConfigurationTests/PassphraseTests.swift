import CofferSystem
import Testing

@testable import CofferConfiguration

@Suite("Passphrases of repositories")
struct PassphraseTests {
  private func resolve(_ text: String, _ environment: [String: String] = [:]) throws -> String? {
    let all = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
    let variables = ProcessEnvironment(all)
    return try PassphraseResolver(
      launcher: SystemProcessLauncher(), environment: variables,
      credentials: CredentialResolver(environment: variables, folder: "/")
    ).resolve(try load(minimal + text, environment: environment).root)
  }

  @Test("The passphrase comes from the option, the command, then the environment")
  func passphrases() throws {
    let environment = ["COFFER_PASSPHRASE": "e", "BORG_PASSPHRASE": "b"]
    #expect(try resolve("encryption_passphrase: o\nencryption_passcommand: echo c\n", environment) == "o")
    #expect(try resolve("encryption_passcommand: echo 'c d'\n", environment) == "c d")
    #expect(try resolve("", environment) == "e")
    #expect(try resolve("", ["BORG_PASSCOMMAND": "echo x"]) == "x")
    #expect(try resolve("") == nil)
    let error = #expect(throws: ConfigurationError.self) {
      try resolve("encryption_passcommand: sh -c 'echo sorry >&2; exit 2'\n")
    }
    #expect(error?.diagnosis.problem.contains("sorry") == true)
    #expect(error?.diagnosis.subject == "encryption_passcommand")
  }

  @Test("A repository's own command or passphrase counts before either for all")
  func ownPassphrases() throws {
    let variables = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    let resolver = PassphraseResolver(
      launcher: SystemProcessLauncher(), environment: variables,
      credentials: CredentialResolver(environment: variables, folder: "/"))
    let configuration = try load(
      """
      repositories:
        - path: /both
        - {path: /command, encryption_passcommand: echo own}
        - {path: /text, encryption_passphrase: own text}
      encryption_passphrase: all
      encryption_passcommand: echo everybody
      """)
    let found = try configuration.repositories.map { try resolver.resolve(configuration.options(for: $0)) }
    #expect(found == ["all", "own", "own text"])
    #expect(try configuration.repositories.map { try resolver.resolve(configuration.focused(on: $0).root) } == found)
  }

  @Test("A command that gives no passphrase is named by the option, flag or variable that it comes from")
  func passcommandSource() throws {
    func subject(_ environment: [String: String], _ resolve: (PassphraseResolver) throws -> String?) throws -> String? {
      let resolver = PassphraseResolver(
        launcher: SystemProcessLauncher(), environment: ProcessEnvironment(environment),
        credentials: CredentialResolver(environment: ProcessEnvironment(environment), folder: "/"))
      return #expect(throws: ConfigurationError.self) { try resolve(resolver) }?.diagnosis.subject
    }
    let path = ["PATH": "/usr/bin:/bin"]
    for command in ["false", "true", "'", ""] {
      #expect(try subject(path) { try $0.resolveNew(nil, command: command) } == "--new-passcommand")
      for name in ["COFFER_NEW_PASSCOMMAND", "BORG_NEW_PASSCOMMAND"] {
        let environment = path.merging([name: command]) { $1 }
        #expect(try subject(environment) { try $0.resolveNew(nil, command: nil) } == name)
      }
      let environment = path.merging(["COFFER_PASSCOMMAND": command]) { $1 }
      #expect(try subject(environment) { try $0.resolve(nil) } == "COFFER_PASSCOMMAND")
    }
  }
}
