import CofferSystem

/// A base backup on its way: what the server sends, as one tar archive.
final class BaseBackupStream: RunningBaseBackup {
  private enum Phase {
    case archives
    /// The manifest, when everything before it was found to be whole.
    case manifest
    case ended
  }

  let identity: DumpIdentity
  /// nil when it was given up.
  private var conversation: (any BaseBackupConversation)?
  private let server: ReplicatedServer
  private let version: Int
  let versionName: String?
  private let limits: DumpLimits
  private let clock: Clock
  private let begun: Double
  private let start: LogSequenceNumber
  private let tablespaces: [BaseBackupFacts.Tablespace]
  private let manifest: ManifestSpool
  /// Archives that are yet to come, in the server's order; nil for the data directory's.
  private var awaited: [UInt32?]
  private var isInManifest = false
  private var tar = BaseBackupTar()
  private var phase = Phase.archives
  private var ready: [UInt8] = []
  private var given = 0
  private(set) var byteCount: UInt64 = 0
  private(set) var warnings: [String] = []
  private var facts: BaseBackupFacts?
  var judgement: BaseBackupFacts?

  /// What messages call what writes the dump.
  static let title = "The base backup"
  private static let command = "BASE_BACKUP"
  /// Servers from here on send everything in one copy, of messages.
  private static let firstOfMessages = 150_000
  /// Servers from here on make a manifest.
  private static let firstWithManifest = 130_000
  /// Bytes of the manifest that are read at a time.
  private static let piece = 1 << 16

  /// Begins it.
  ///
  /// - Throws: `DumpError`; `RunCancelled`; `SystemError`.
  init(
    of identity: DumpIdentity, _ conversation: any BaseBackupConversation, _ server: ReplicatedServer,
    context: HookContext
  ) throws {
    self.identity = identity
    self.conversation = conversation
    self.server = server
    version = conversation.serverVersion
    versionName = conversation.parameter("server_version")
    limits = context.limits
    clock = context.clock
    begun = context.clock.steadySeconds()
    // Before the first byte the server writes down what it holds in memory.
    let deadline = context.limits.stall.map { [begun] in begun + $0 }
    manifest = try ManifestSpool(context)
    (start, awaited, tablespaces) = try Self.naming(identity, stall: context.limits.stall) {
      try conversation.begin(Self.command(of: conversation.serverVersion), called: Self.command)
      let start = try Self.position(conversation.nextRows(of: Self.command, until: deadline)).number
      let (awaited, tablespaces) = try Self.archives(conversation.nextRows(of: Self.command, until: deadline))
      try conversation.nextCopy(of: Self.command, until: deadline)
      conversation.expectMuch()
      return (start, awaited, tablespaces)
    }
    if !isOfMessages { try Self.naming(identity) { try tar.begin(awaited.removeFirst()) } }
  }

  private var isOfMessages: Bool { version >= Self.firstOfMessages }
  private var hasManifest: Bool { version >= Self.firstWithManifest }

  /// The command, in the words that the server knows.
  static func command(of version: Int) -> String {
    if version >= firstOfMessages {
      return "\(command) (LABEL 'coffer', CHECKPOINT 'fast', WAL true, WAIT false, TABLESPACE_MAP true, MANIFEST 'yes')"
    }
    return "\(command) LABEL 'coffer' FAST WAL NOWAIT TABLESPACE_MAP"
      + (version >= firstWithManifest ? " MANIFEST 'yes'" : "")
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var count = 0
    try Self.naming(identity, conversation, stall: limits.stall) {
      while count == 0, given == ready.count, phase != .ended {
        ready.removeAll(keepingCapacity: true)
        given = 0
        try advance(buffer, &count)
      }
    }
    if count == 0 {
      count = min(buffer.count, ready.count - given)
      ready.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[given..<given + count])) }
      given += count
    }
    byteCount += UInt64(count)
    return count
  }

  /// - Parameters:
  ///   - room: Where what comes may be laid at once. What it has no room for becomes `ready`.
  ///   - filled: Bytes of it that are.
  private func advance(_ room: UnsafeMutableRawBufferPointer, _ filled: inout Int) throws {
    switch phase {
    case .archives: try receive(room, &filled)
    case .manifest:
      ready = try manifest.next(atMost: Self.piece)
      guard ready.isEmpty else { return }
      ready = [UInt8](repeating: 0, count: TarBlock.fill(after: manifest.size)) + (try tar.close())
      phase = .ended
    case .ended: break
    }
  }

  // MARK: - What the server sends

  private func receive(_ room: UnsafeMutableRawBufferPointer, _ filled: inout Int) throws {
    guard let conversation else {
      throw DumpError.incomplete(identity, program: Self.title, missing: "it was given up")
    }
    let now = clock.steadySeconds()
    let end = limits.total.map { begun + $0 } ?? .infinity
    let tookTooLong = DumpError.tookTooLong(identity, program: Self.title, seconds: Int(limits.total ?? 0))
    // Also while messages come without a pause.
    guard now <= end else { throw tookTooLong }
    let patience = limits.stall.map { now + $0 } ?? .infinity
    let deadline = min(end, patience)
    let message = try conversation.receive(until: deadline.isFinite ? deadline : nil, orUntil: nil) {
      try take($0, room, &filled)
    }
    switch message {
    case .message: break
    case .end: try endCopy(conversation)
    case .nothing where end <= patience: throw tookTooLong
    case .nothing: throw DumpError.stalled(identity, program: Self.title, seconds: Int(limits.stall ?? 0))
    }
  }

  private func take(
    _ bytes: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, _ filled: inout Int
  ) throws {
    guard isOfMessages else { return try takeData(bytes, room, &filled) }
    switch BaseBackupMessage(bytes) {
    case .archive(let name, let location): try tar.begin(expected(name, location))
    case .manifest:
      try tar.end()
      isInManifest = true
    case .data(let data): try takeData(data, room, &filled)
    case .progress: break
    case nil: throw BaseBackupTar.Malformed(problem: "the server sent a message that the protocol does not know")
    }
  }

  private func takeData(
    _ bytes: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, _ filled: inout Int
  ) throws {
    guard !isInManifest else { return try manifest.write(bytes) }
    try tar.take(bytes) { piece in
      let fitting = min(piece.count, room.count - filled)
      UnsafeMutableRawBufferPointer(rebasing: room[filled..<filled + fitting])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: piece[..<fitting]))
      filled += fitting
      ready.append(contentsOf: piece[fitting...])
    }
  }

  /// The archive that a message names.
  private func expected(_ name: [UInt8], _ location: [UInt8]) throws -> UInt32? {
    let number = String(decoding: name, as: UTF8.self).before(end: ".tar").flatMap { UInt32($0) }
    let tablespace = location.isEmpty ? nil : number
    guard !isInManifest, location.isEmpty || number != nil, let place = awaited.firstIndex(of: tablespace) else {
      throw BaseBackupTar.Malformed(problem: "the server sent an archive that it had not named")
    }
    awaited.remove(at: place)
    return tablespace
  }

  /// Servers before 15 send a copy for each archive, and one for the manifest.
  private func endCopy(_ conversation: any BaseBackupConversation) throws {
    let deadline = limits.stall.map { clock.steadySeconds() + $0 }
    if !isOfMessages, !awaited.isEmpty || hasManifest && !isInManifest {
      try tar.end()
      try conversation.nextCopy(of: Self.command, until: deadline)
      if awaited.isEmpty { isInManifest = true } else { try tar.begin(awaited.removeFirst()) }
      return
    }
    let end = try Self.position(conversation.nextRows(of: Self.command, until: deadline))
    // Only behind that it is known whether the server was content, with its pages' checksums for example.
    while try conversation.next(until: deadline) != nil {}
    guard awaited.isEmpty else {
      throw BaseBackupTar.Malformed(problem: "the server did not send all that it had named")
    }
    guard !hasManifest || manifest.size > 0 else {
      throw BaseBackupTar.Malformed(problem: "the server sent no manifest")
    }
    facts = BaseBackupFacts(
      systemIdentifier: server.systemIdentifier, timeline: end.timeline, start: start, end: end.number,
      segmentSize: server.segmentSize, hasChecksums: server.hasChecksums, tablespaces: tablespaces)
    guard facts != nil else { throw ReplicatedServer.Unintelligible(command: Self.command) }
    warnings = conversation.notices.filter { !($0.holds(Self.special) && $0.holds(Self.socket)) }
    // It keeps a place at the server that others may need.
    self.conversation = nil
    ready = try hasManifest ? tar.manifestHeader(size: manifest.size) : tar.close()
    phase = hasManifest ? .manifest : .ended
  }

  /// What a server warns of that leaves something out, a link for example; of its own socket nobody wants to know.
  private static let (special, socket) = ("skipping special file", "/.s.PGSQL.")

  // MARK: - The end

  var whole: BaseBackupFacts? { phase == .ended ? facts : nil }

  func abandon() { conversation = nil }

  // MARK: - Answers

  /// A row of a place in the log and a timeline.
  private static func position(_ rows: ReplicationRows) throws -> (number: LogSequenceNumber, timeline: UInt32) {
    guard let number = rows.text(0, "recptr").flatMap({ LogSequenceNumber($0) }),
      let timeline = rows.text(0, "tli").flatMap({ UInt32($0) })
    else { throw ReplicatedServer.Unintelligible(command: command) }
    return (number, timeline)
  }

  /// A row for each archive; the data directory's has neither number nor place, and is the last.
  private static func archives(
    _ rows: ReplicationRows
  ) throws -> (awaited: [UInt32?], tablespaces: [BaseBackupFacts.Tablespace]) {
    let last = rows.rows.count - 1
    let tablespaces = try (0..<max(last, 0)).map { row in
      guard let oid = rows.text(row, "spcoid").flatMap({ UInt32($0) }), let location = rows.bytes(row, "spclocation"),
        let tablespace = BaseBackupFacts.Tablespace(oid: oid, location: ServerText(location))
      else { throw ReplicatedServer.Unintelligible(command: command) }
      return tablespace
    }
    guard last >= 0, rows.bytes(last, "spcoid") == nil else { throw ReplicatedServer.Unintelligible(command: command) }
    return (tablespaces.map(\.oid) + [nil], tablespaces)
  }

  /// Does something, with what it throws as an error of the dump.
  ///
  /// - Parameter stall: Seconds that an answer is waited for.
  static func naming<Value>(
    _ identity: DumpIdentity, _ conversation: (any BaseBackupConversation)? = nil, stall: Double? = nil,
    _ body: () throws -> Value
  ) throws -> Value {
    do {
      return try body()
    } catch ReplicationError.silent(_) where stall != nil {
      throw DumpError.stalled(identity, program: title, seconds: Int(stall ?? 0))
    } catch let error as ReplicationError {
      throw DumpError.replication(identity, error, told: conversation?.notices.filter { $0.holds("checksum") } ?? [])
    } catch let error as BaseBackupTar.Malformed {
      throw DumpError.incomplete(identity, program: title, missing: error.problem)
    } catch let error as ServerFolderError {
      throw error.naming(identity)
    } catch let error as ServerFileWalk.TooLong {
      throw DumpError.incomplete(
        identity, program: title, missing: "the name of '\(Quoting.terminal(error.path))' is too long for an archive")
    } catch let error as ReplicatedServer.Unintelligible {
      throw DumpError.incomplete(
        identity, program: title, missing: "the server's answer to \(error.command) is not what the protocol says")
    }
  }
}
