import CofferRepository
import CofferSystem

/// What a compaction would give back: told behind deletions to whoever reads it, but not where one follows anyway.
struct SpaceToCome {
  /// Bytes; nil where that would take long to find out.
  private let size: UInt64?

  /// Looks what archives still need.
  ///
  /// - Returns: nil where nobody would read it.
  /// - Throws: `RunCancelled`.
  init?(_ access: OpenRepository, _ context: ActionContext, isAsked: Bool = false) throws {
    let isRead = isAsked || context.wantsJSON || context.console.verbosity >= 1
    guard isRead, !context.run.parsed.isStandard, !context.isDryRun else { return nil }
    size = try access.repository.compactableSize(cancellation: context.cancellation)
  }

  /// The end of a sentence that says that space comes back.
  var text: String {
    size.map { ", about \(Formats.size($0)) in all" } ?? "; 'coffer compact --dry-run' tells how much"
  }

  var json: JSONValue { size.map { .number(Int(clamping: $0)) } ?? .null }
}
