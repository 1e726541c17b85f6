import CofferConfiguration
import CofferSystem

/// Databases of any system, by commands of the configuration.
///
/// What an archive remembers of a dump is never run: a restore takes today's configuration's command.
public struct CustomHook: DatabaseHook {
  public let databases = CustomOptions.databases
  /// Each system has its own port.
  public let kind = DatabaseKind.server(defaultPort: nil)

  public init() {}

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    ServerEntry.all(in: root, of: self).map { server in
      guard let commands = CustomCommands(server.section) else {
        return ImpossibleDump(
          identity: server.identity, section: server.section, cause: CustomCommands.missing(server))
      }
      return CustomDump(server: server, commands: commands)
    }
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    guard let server = try ServerEntry.found(facts.identity, in: root, of: self),
      server.section[CustomOptions.name].isSame(as: facts.identity.database)
    else {
      throw RestoreError.refused(
        facts.identity, problem: "the configuration has no entry of it any more, whose restore_command would be needed",
        suggestion: "Add it to custom_databases, or fetch the dump with 'coffer dump'")
    }
    guard let command = server.section[CustomOptions.restoreCommand] else {
      throw RestoreError.refused(
        facts.identity, problem: "\(server.section.mark): its entry has no restore_command",
        suggestion: "Add one, or fetch the dump with 'coffer dump'")
    }
    return try CustomRestore(facts.identity, server, command, to: target, context: context)
  }
}

/// The commands by which a dump is made.
struct CustomCommands: Sendable {
  let dump: CustomCommand
  let endCheck: CustomCommand

  /// - Returns: nil when one is missing, as in no file that was validated.
  init?(_ section: ConfigurationSection) {
    guard let dump = section[CustomOptions.dumpCommand], let endCheck = section[CustomOptions.endCheck] else {
      return nil
    }
    self.dump = dump
    self.endCheck = endCheck
  }

  static func missing(_ server: ServerEntry) -> DumpError {
    .misconfigured(
      server.identity, problem: "\(server.section.mark): its entry has no dump_command or no end_check",
      suggestion: "Add what is missing")
  }
}
