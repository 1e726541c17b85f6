import CofferHooks
import CofferRepository
import CofferSystem

/// Lays a whole server down. Everything is checked before anything is written.
protocol ServerRestore {
  /// What will be done, for people.
  var summary: [String] { get }
  /// What is odd about it.
  var warnings: [String] { get }
  /// Why newer archives than the one that it comes from were passed over.
  var unreadable: [any Error] { get }

  /// - Throws: What reading and writing throw; what was not there before is not there then either.
  func run() throws
  /// Takes away what was made for it elsewhere.
  func end()
}

extension ServerRestore {
  func end() {}

  /// Lays a server down from the stream of its backup.
  ///
  /// - Parameters:
  ///   - title: What is done, for who waits.
  ///   - begin: Makes the place.
  ///   - end: Makes it whole.
  /// - Throws: What these, reading and writing throw; what was laid down is taken away then.
  func layDown<Server: LaidServer>(
    _ dump: ArchiveDump, _ reader: ArchiveReader, _ title: String, _ progress: ReadingProgress,
    _ context: ActionContext, begin: () throws -> Server, end: (Server) throws -> Void
  ) throws {
    guard dump.items.count == 1, case .file(let stream) = dump.items[0].content else {
      throw ClusterError.content("it is no stream")
    }
    progress.begin(title, total: stream.size)
    let server = try begin()
    do {
      try reader.read(stream, into: progress.counting(server), cancellation: context.cancellation)
      try end(server)
    } catch {
      do { try server.abandon() } catch let remains {
        context.console.warning("What was laid down could not be removed: \(Console.text(Diagnosis(of: remains)))")
      }
      throw error
    }
  }
}
