import CofferSystem

/// A dump for a restore in one transaction whose pg_restore is started when all of it is in a file: one of format tar, or one
/// whose table of contents has to be looked at before.
final class SpooledArchive: RestoreClient {
  private let identity: DumpIdentity
  private let command: (String) throws -> ChildCommand
  private let context: HookContext
  private let watch: () -> Void
  private let spool: SpooledDump
  private var client: ClientInput?

  init(
    of identity: DumpIdentity, command: @escaping (String) throws -> ChildCommand, watch: @escaping () -> Void,
    context: HookContext
  ) throws {
    self.watch = watch
    self.identity = identity
    self.command = command
    self.context = context
    spool = try SpooledDump(context: context)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try spool.write(bytes)
  }

  func finish() throws {
    let client = try ClientInput(try command(spool.path), of: identity, watch: watch, context: context)
    self.client = client
    try client.finish()
    spool.remove()
  }

  func abandon() {
    client?.abandon()
    spool.remove()
  }
}
