import CofferSystem
import Foundation

/// A dump of format tar on its way into a file that pg_restore then reads.
///
/// Through a pipe, pg_restore 15 and others never notice that a tar archive is cut short, as when this program is killed:
/// they search for its end for ever, holding their locks.
final class SpooledArchive: RestoreClient {
  private let identity: DumpIdentity
  private let command: (String) -> ChildCommand
  private let context: HookContext
  private let path: String
  private let file: FileDescriptor
  private var client: ClientInput?

  init(of identity: DumpIdentity, command: @escaping (String) -> ChildCommand, context: HookContext) throws {
    self.identity = identity
    self.command = command
    self.context = context
    path = try context.runtime.makeParent(of: "restore-\(UInt32.random(in: 0 ... .max)).tar")
    file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try file.writeAll(bytes, subject: path)
  }

  func finish() throws {
    let client = try ClientInput(command(path), of: identity, context: context)
    self.client = client
    try client.finish()
    unlink(path)
  }

  func abandon() {
    client?.abandon()
    unlink(path)
  }
}
