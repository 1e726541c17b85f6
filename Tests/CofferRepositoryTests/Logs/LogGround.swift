import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

/// A repository into which servers put their logs.
struct LogGround {
  let ground: TestRepository
  let said = Monitor<[String]>([])

  static let server = LogServer(system: "postgresql", identity: "7421000000000000001")

  init() throws {
    ground = try TestRepository()
  }

  var store: MemoryStore { ground.store }

  func open(
    _ store: (any ObjectStore)? = nil, passphrase: SecretBytes = TestRepository.passphrase, workers: Int = 1
  ) throws -> Repository {
    try ground.open(store, passphrase: passphrase, workers: workers, said: said)
  }

  /// A host's key.
  func host(_ passphrase: String, _ store: (any ObjectStore)? = nil) throws -> Repository {
    let secret = SecretBytes(passphrase: passphrase)
    try ground.repository.addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    return try open(store, passphrase: secret)
  }

  static func place(_ number: UInt64, history: UInt32 = 1) throws -> LogPlace {
    try #require(LogPlace(history: history, number: number, exponent: 24))
  }

  /// What a server has in a segment.
  static func content(_ number: UInt64, size: Int = 5000) -> [UInt8] {
    noise(100, seed: number + 1) + [UInt8](repeating: 0, count: size - 100)
  }

  @discardableResult
  func put(
    _ number: UInt64, _ bytes: [UInt8]? = nil, history: UInt32 = 1, kind: LogPart.Kind = .segment,
    server: LogServer = server, with repository: Repository? = nil
  ) throws -> Bool {
    let bytes = bytes ?? Self.content(number)
    let part = try Self.part(number, bytes, history: history, kind: kind, server: server)
    return try (repository ?? open()).put(part, bytes, compressionLevel: 3)
  }

  /// Puts what an earlier program would have: an object of version 1.
  func putEarlier(
    _ number: UInt64, _ bytes: [UInt8]? = nil, kind: LogPart.Kind = .segment, with repository: Repository? = nil
  ) throws {
    let bytes = bytes ?? Self.content(number)
    let part = try Self.part(number, bytes, history: 1, kind: kind, server: Self.server)
    let content = try LogPartCompressor(level: 3, of: part.content, workers: 1).compress(size: part.size) {
      try Self.give(bytes, to: $0)
    }
    let context = try (repository ?? open()).context
    let name = try #require(
      try LogName(
        part.nameKind, of: Self.server.id(context), part.place, to: part.place, LogSigner(context.keys),
        tags: LogTags(context)))
    let builder = try LogObjectBuilder(context, hashing: .whole)
    try builder.append(content, time: 0)
    try store.put(name.objectName, try builder.finish(name, origin: part.origin))
  }

  private static func part(
    _ number: UInt64, _ bytes: [UInt8], history: UInt32, kind: LogPart.Kind, server: LogServer
  ) throws -> LogPart {
    try #require(
      LogPart(
        kind, at: place(number, history: history), title: "segment \(number)",
        origin: LogOrigin(server, hostname: "db1", name: "main"), size: bytes.count))
  }

  /// Gives the bytes of a part in order, block by block.
  static func give(_ bytes: [UInt8], to take: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    try bytes.withUnsafeBytes { all in
      for start in stride(from: 0, to: all.count, by: LogPart.blockSize) {
        try take(UnsafeRawBufferPointer(rebasing: all[start..<min(start + LogPart.blockSize, all.count)]))
      }
    }
  }

  func get(
    _ number: UInt64, history: UInt32 = 1, signers: [String] = [], with repository: Repository? = nil
  ) throws -> [UInt8] {
    let reader = try (repository ?? open()).logReader(of: Self.server, signers: signers)
    let run = try reader.find(history: history, number: number, count: 1, title: "segment \(number)")
    var bytes: [UInt8] = []
    try reader.read(0, of: run, title: "segment \(number)", start: { bytes = [] }, { bytes += $0 })
    return bytes
  }

  /// That all of these can be had, and are what was put.
  func expectWhole(
    _ numbers: ClosedRange<UInt64>, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let repository = try open()
    for number in numbers {
      #expect(
        try get(number, with: repository) == Self.content(number), comment, sourceLocation: sourceLocation)
    }
  }

  var names: [String] { get throws { try store.list("logs").map(\.name.path) } }

  func names(_ kind: String) throws -> [String] { try names.filter { $0.contains("-\(kind)/") } }

  @discardableResult
  func compact(over store: (any ObjectStore)? = nil) throws -> LogTidyingReport {
    try open(store).compact(cancellation: try Cancellation()).logs
  }
}
