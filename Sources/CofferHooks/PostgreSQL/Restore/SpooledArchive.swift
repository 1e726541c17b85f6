import CofferSystem

/// A dump of format tar for a restore in one transaction: pg_restore is started when all of it is in a file.
final class SpooledArchive: RestoreClient {
  private let identity: DumpIdentity
  private let command: (String) -> ChildCommand
  private let context: HookContext
  private let watch: () -> Void
  private let spool: SpooledDump
  private var client: ClientInput?

  init(
    of identity: DumpIdentity, command: @escaping (String) -> ChildCommand, watch: @escaping () -> Void,
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
    let client = try ClientInput(command(spool.path), of: identity, watch: watch, context: context)
    self.client = client
    try client.finish()
    spool.remove()
  }

  func abandon() {
    client?.abandon()
    spool.remove()
  }
}
