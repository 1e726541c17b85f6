import CofferSystem

/// A server that is being laid down from its backup, which is written into this piece by piece.
public protocol LaidServer: ByteSink {
  /// Takes away what was laid down, unless it was brought up to date.
  ///
  /// - Throws: `SystemError` of the first that cannot be removed.
  func abandon() throws
}

/// How a drill takes a backup of a whole server: it is laid down, and a server is started in it.
struct LaidRestore<Server: LaidServer>: PlannedRestore {
  let summary: String
  // Used by the thread that restores only.
  private let begin: HandedOver<() throws -> Server>
  private let end: HandedOver<(Server) throws -> Void>

  /// - Parameters:
  ///   - begin: Makes the place.
  ///   - end: Makes what was laid down whole, and starts the server.
  init(_ summary: String, begin: @escaping () throws -> Server, end: @escaping (Server) throws -> Void) {
    self.summary = summary
    self.begin = HandedOver(begin)
    self.end = HandedOver(end)
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    Running(try begin.value(), end.value)
  }

  private final class Running: RunningRestore {
    private let server: Server
    private let end: (Server) throws -> Void

    init(_ server: Server, _ end: @escaping (Server) throws -> Void) {
      self.server = server
      self.end = end
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try server.write(bytes) }

    func finish() throws -> [String] {
      try end(server)
      return []
    }

    func abandon() { try? server.abandon() }
  }
}
