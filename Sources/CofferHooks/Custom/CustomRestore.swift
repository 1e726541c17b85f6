import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// A restore by the `restore_command` of today's entry.
///
/// Nobody but its author knows what it leaves when it fails. So the dump is verified to its end before the command is
/// started, and a failure says that part of it may be there.
struct CustomRestore: PlannedRestore {
  private let identity: DumpIdentity
  private let name: String
  private let address: ServerAddress
  private let command: CustomCommand
  private let mark: SourceMark

  static let title = "restore_command"

  /// - Throws: `RestoreError.refused`; as `ServerEntry.address`.
  init(
    _ identity: DumpIdentity, _ server: ServerEntry, _ command: CustomCommand, to target: RestoreTarget,
    context: HookContext
  ) throws {
    self.identity = identity
    self.command = command
    mark = server.section.mark(of: CustomOptions.restoreCommand)
    name = target.databaseName ?? identity.database
    try Self.checkWishes(identity, server.section, command, target)
    address = try server.address(for: target, context: context)
    // Before anything is touched.
    _ = try shell(context: context)
  }

  /// A command that knows nothing of where it is to restore to would restore somewhere else.
  private static func checkWishes(
    _ identity: DumpIdentity, _ section: ConfigurationSection, _ command: CustomCommand, _ target: RestoreTarget
  ) throws(RestoreError) {
    let otherName = target.databaseName.flatMap { $0.isSame(as: identity.database) ? nil : $0 }
    let wishes = [
      ("name", otherName != nil),
      (
        "hostname",
        target.hostname != nil || target.container != nil || section[ServerOptions.restoreHostname] != nil
      ),
      ("port", target.port != nil || section[ServerOptions.restorePort] != nil),
      ("username", target.username != nil || section[ServerOptions.restoreUsername] != nil),
    ]
    for (name, isWished) in wishes where isWished && !command.uses(name) {
      throw .refused(
        identity, problem: "another \(name) is wanted, but its restore_command has no {\(name)} to say it in",
        suggestion: "Write {\(name)} in restore_command")
    }
  }

  var summary: String {
    let place = address.hostname == nil && address.port == nil ? "" : " at \(address.place)"
    return "\(identity.title) -> '\(Quoting.terminal(name))'\(place) by the restore_command of \(mark) "
      + "(only it knows what an error in between leaves)"
  }

  /// A file is whole before the command is started; of a stream it has read much before a fault could be found.
  var isReversible: Bool { wantsFile }

  var wantsFolder: Bool { false }

  private var wantsFile: Bool { command.uses("input") }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    guard wantsFile else {
      let input = try ClientInput(
        shell(context: context).command(command), of: identity, mustReadAll: true, context: context)
      return ClientRestore(input, passesWarnings: true, saying: CustomRestore.inPart)
    }
    let path = try context.runtime.makeParent(of: "restore-\(UInt32.random(in: 0 ... .max))")
    let shell = try shell(files: ["input": path], context: context)
    return try CustomFileRestore(path, of: identity, by: shell.command(command), context: context)
  }

  private func shell(files: [String: String] = [:], context: HookContext) throws(RestoreError) -> CustomShell {
    do throws(CustomShell.UnfitValue) {
      return try CustomShell(name, at: address, files: files, context: context)
    } catch {
      throw .refused(identity, problem: error.problem, suggestion: "Correct it")
    }
  }

  /// Says of a command that failed what can be known.
  static func inPart(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch RestoreError.programFailed(let identity, _, let status, let lines) {
      throw RestoreError.endedInPart(
        identity, problem: ClientFailure.problem(title, status, lines), suggestion: identity.advice.suggestion(lines))
    } catch RestoreError.inputIgnored(let identity, _) {
      throw RestoreError.endedInPart(
        identity, problem: "\(title) ended without having read the whole dump",
        suggestion: "Correct restore_command and restore again")
    }
  }
}

/// A command that reads the dump from a file of the run's, which is there before it is started.
final class CustomFileRestore: RunningRestore {
  private let path: String
  private let identity: DumpIdentity
  private let command: ChildCommand
  private let context: HookContext
  private let file: FileDescriptor
  private var client: ClientInput?

  init(_ path: String, of identity: DumpIdentity, by command: ChildCommand, context: HookContext) throws {
    self.path = path
    self.identity = identity
    self.command = command
    self.context = context
    file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws { try file.writeAll(bytes, subject: path) }

  func finish() throws -> [String] {
    let client = try ClientInput(command, of: identity, context: context)
    self.client = client
    try CustomRestore.inPart { try client.finish() }
    unlink(path)
    return ClientFailure.warnings(client.child.lastErrorLines)
  }

  func abandon() {
    client?.abandon()
    unlink(path)
  }
}
