import CofferSystem

/// Seals coded blocks into packs, one open pack of each kind, and hands full packs on. Used by the
/// pipeline's assembler thread only.
final class PackAssembler {
  private let context: RepositoryContext
  private let ephemeralPublic: [UInt8]
  private let shared: SecretBytes
  private let store: (FinishedPack) throws -> Void
  private var open: [PackKind: PackBuilder] = [:]

  /// Stored bytes after which a tree pack is finished.
  private static let treeTarget = 4 << 20

  /// Agrees on the session's secret with the repository's data key.
  ///
  /// - Parameter store: Takes the packs that are finished.
  init(context: RepositoryContext, store: @escaping (FinishedPack) throws -> Void) throws {
    self.context = context
    self.store = store
    let pair = try X25519.generate(random: context.random)
    ephemeralPublic = pair.publicKey
    shared = try X25519.agree(privateKey: pair.privateKey, publicKey: context.keys.dataPublic)
  }

  /// Takes the next coded block; nil ends the session's packs.
  func assemble(_ block: PendingBlock?) throws {
    guard let block else {
      for kind in PackKind.allCases { try close(kind, isLast: true) }
      return
    }
    let outcome = block.coded.wait(until: { $0 != nil }) { $0 }
    guard let coded = try outcome?.get() else { return }
    let builder = try open[block.kind] ?? openPack(block.kind)
    try context.times.measure(.seal, bytes: coded.length) { try builder.append(block, coded) }
    if builder.isFull(target: Self.target(block.kind, context.header)) { try close(block.kind, isLast: false) }
  }

  /// Stored bytes after which a pack is finished.
  static func target(_ kind: PackKind, _ header: RepositoryHeader) -> Int {
    kind == .data ? header.packTarget : min(treeTarget, header.packTarget)
  }

  private func openPack(_ kind: PackKind) throws -> PackBuilder {
    let (header, key) = try PackHeader.make(
      kind: kind, suite: context.suite, ephemeralPublic: ephemeralPublic, shared: shared,
      random: context.random)
    let builder = try PackBuilder(header: header, key: key, expectedSize: Self.target(kind, context.header))
    open[kind] = builder
    return builder
  }

  private func close(_ kind: PackKind, isLast: Bool) throws {
    guard let builder = open.removeValue(forKey: kind), !builder.isEmpty else { return }
    try store(
      try context.times.measure(.openAgain, bytes: builder.length) {
        try builder.finish(envelope: context.envelope, random: context.random, padded: isLast)
      })
  }
}
