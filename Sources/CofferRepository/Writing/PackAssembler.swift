import CofferSystem

/// Seals coded blocks into packs, one open pack of each kind, and hands full packs on. Used by the
/// pipeline's assembler thread only.
///
/// Nodes of recipes that lean on others have packs of their own. A pack has to stay as long as another leans on it: so none would
/// ever go if each of them held what leans on the last one's.
final class PackAssembler {
  private let context: RepositoryContext
  private let ephemeralPublic: [UInt8]
  private let shared: SecretBytes
  private let store: (FinishedPack) throws -> Void
  private var growth: PackGrowth
  private var open: [Content: PackBuilder] = [:]

  private struct Content: Hashable {
    let kind: PackKind
    let leans: Bool
  }

  /// Stored bytes after which a tree pack is finished.
  private static let treeTarget = 4 << 20

  /// Agrees on the session's secret with the repository's data key.
  ///
  /// - Parameters:
  ///   - growth: How large packs of data become; nil for as large as they may.
  ///   - store: Takes the packs that are finished.
  init(
    context: RepositoryContext, growth: PackGrowth? = nil, store: @escaping (FinishedPack) throws -> Void
  ) throws {
    self.context = context
    self.growth = growth ?? PackGrowth(target: context.header.packTarget, isFar: false)
    self.store = store
    let pair = try X25519.generate(random: context.random)
    ephemeralPublic = pair.publicKey
    shared = try X25519.agree(privateKey: pair.privateKey, publicKey: context.keys.dataPublic)
  }

  /// Takes the next coded block; nil ends the session's packs.
  func assemble(_ block: PendingBlock?) throws {
    guard let block else {
      for leans in [false, true] {
        for kind in PackKind.allCases { try close(Content(kind: kind, leans: leans), isLast: true) }
      }
      return
    }
    let outcome = block.coded.wait(until: { $0 != nil }) { $0 }
    guard let coded = try outcome?.get() else { return }
    let content = Content(kind: block.kind, leans: block.kind == .tree && coded.coding == .delta)
    let builder = try open[content] ?? openPack(content)
    try context.times.measure(.seal, bytes: coded.length) { try builder.append(block, coded) }
    if builder.isFull(target: target(block.kind)) { try close(content, isLast: false) }
  }

  private func target(_ kind: PackKind) -> Int {
    kind == .data ? growth.target : Self.target(kind, context.header)
  }

  /// Stored bytes after which a pack is finished at the latest.
  static func target(_ kind: PackKind, _ header: RepositoryHeader) -> Int {
    kind == .data ? header.packTarget : min(treeTarget, header.packTarget)
  }

  private func openPack(_ content: Content) throws -> PackBuilder {
    let (header, key) = try PackHeader.make(
      kind: content.kind, suite: context.suite, ephemeralPublic: ephemeralPublic, shared: shared,
      random: context.random)
    let builder = try PackBuilder(header: header, key: key, expectedSize: target(content.kind))
    open[content] = builder
    return builder
  }

  private func close(_ content: Content, isLast: Bool) throws {
    guard let builder = open.removeValue(forKey: content), !builder.isEmpty else { return }
    if content.kind == .data { growth.add(builder.length) }
    try store(
      try context.times.measure(.openAgain, bytes: builder.length) {
        try builder.finish(envelope: context.envelope, random: context.random, padded: isLast)
      })
  }
}
