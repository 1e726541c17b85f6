import CofferConfiguration
import CofferSystem

/// A MongoDB server whose oplog is received, by mongodump.
public struct OplogServer: Sendable {
  /// The system, as objects of logs name it.
  public static let system = "mongodb"

  /// As messages name the server.
  public let place: String
  private let client: MongoDBClient
  private let options: [String]

  /// - Parameter entry: Of `mongodb_servers`.
  /// - Throws: `CredentialError`; `ContainerError`; `OplogError.withoutPassword`.
  public init(_ entry: ConfigurationSection, context: HookContext) throws {
    let server = ServerEntry(entry, of: MongoDBServerHook(), name: entry[MongoDBServerOptions.name])
    client = MongoDBClient(entry, to: try server.address(context: context))
    place = client.server.place
    options = entry[ServerOptions.options].words
    guard !client.wouldAsk(.dump, options: options) else { throw OplogError.withoutPassword(place: place) }
  }

  /// Starts reading entries, from a moment on up to the newest that there is.
  ///
  /// The server reads its oplog in its order, and no further than where nothing before can still be written.
  ///
  /// - Throws: `LaunchError`; `RuntimeDirectory.Failure`; `SystemError`.
  public func read(from time: OplogTime, _ context: HookContext) throws -> OplogRead {
    let password = try client.password(context: context)
    let query = "{\"ts\":{\"$gte\":{\"$timestamp\":{\"t\":\(time.seconds),\"i\":\(time.increment)}}}}"
    let command = client.command(
      .dump, leading: [],
      trailing: options + ["--db=local", "--collection=oplog.rs", "--query=\(query)", "--out=-"], password: password,
      context: context)
    return try OplogRead(command, password: password, place: place, context: context)
  }

  /// Seconds before now from which the newest entries are looked for, one after the other: an idle set writes one each ten seconds,
  /// unless it is told not to, and clocks differ.
  private static let beginnings: [UInt32?] = [60, 3600, 86_400, nil]
  /// Before all entries.
  public static let oldest = OplogTime(seconds: 0, increment: 1)

  /// Moments from which reading may begin where nothing is stored: the first of them that gives an entry.
  public static func beginnings(_ clock: Clock) -> [OplogTime] {
    let now = UInt32(clamping: DumpLogPlace.second(of: clock))
    return beginnings.map { before in
      before.map { OplogTime(seconds: now > $0 ? now - $0 : 0, increment: 1) } ?? oldest
    }
  }

  /// Looks for any entry, one of the newest.
  ///
  /// - Throws: `OplogError`; `LaunchError`; `RunCancelled`.
  public func entry(_ context: HookContext) throws -> OplogMark {
    for time in Self.beginnings(context.clock) {
      let read = try read(from: time, context)
      var parser = OplogParser()
      var first: OplogMark?
      try read.forEachPiece { piece in
        parser.append(piece)
        do throws(OplogParser.Fault) {
          first = try parser.next()?.entry.mark
        } catch {
          throw OplogError.damaged(place: place, error.text)
        }
        return first == nil
      }
      if let first { return first }
    }
    throw OplogError.none(place: place)
  }
}

/// mongodump on its way, which writes entries of an oplog. Used by one thread.
public final class OplogRead {
  private let child: ChildProcess
  private let output: FileDescriptor
  private let password: MongoDBPassword?
  private let place: String
  private let cancellation: Cancellation

  /// Seconds for which mongodump may say nothing.
  private static let patience: Double = 300
  private static let bufferSize = 1 << 20

  init(_ command: ChildCommand, password: MongoDBPassword?, place: String, context: HookContext) throws {
    var command = command
    command.output = .pipe
    child = try context.launcher.launch(command)
    guard let output = child.takeOutput() else { preconditionFailure("output was asked for as a pipe") }
    self.output = output
    self.password = password
    self.place = place
    cancellation = context.cancellation
  }

  deinit {
    child.terminate()
  }

  /// Hands over what comes, up to its end.
  ///
  /// - Parameter take: Returns whether to go on.
  /// - Throws: `OplogError` where mongodump is not content; `RunCancelled`; `SystemError`; what `take` throws.
  public func forEachPiece(_ take: (UnsafeRawBufferPointer) throws -> Bool) throws {
    let reader = PolledReader(output.number, cancellation: cancellation)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      switch try reader.read(into: buffer, seconds: Self.patience, subject: child.program) {
      case .bytes(let count): guard try take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return }
      case .timedOut: throw silent
      case .ended: return try awaitEnd()
      }
    }
  }

  private func awaitEnd() throws {
    let status = child.wait(seconds: Self.patience, cancellation: cancellation)
    try cancellation.check()
    guard let status else { throw silent }
    guard status.isSuccess else {
      throw OplogError.failed(place: place, program: child.program, lines: child.lastErrorLines)
    }
  }

  private var silent: OplogError {
    .lost(place: place, "\(child.program) says nothing for \(Int(Self.patience)) seconds")
  }
}
