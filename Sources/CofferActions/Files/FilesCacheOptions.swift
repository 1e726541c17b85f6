import CofferConfiguration
import CofferRepository
import CofferSystem

extension FilesCacheOptions {
  /// What a configuration says of it. Each configuration has a memory of its own: it would forget what others find.
  ///
  /// - Returns: nil when all files are to be read, and nothing is to be remembered.
  init?(_ context: ActionContext) {
    guard let comparison = FileComparison(context.root[SourceOptions.filesCache]) else { return nil }
    self.init(
      name: context.configuration?.path ?? "", comparison: comparison,
      runLimit: context.root[SourceOptions.filesCacheRuns])
  }
}

extension FileComparison {
  init?(_ mode: FilesCacheMode) {
    guard !mode.facts.contains(.disabled) else { return nil }
    let time: Time? =
      mode.facts.contains(.changeTime) ? .changed : mode.facts.contains(.modificationTime) ? .modified : nil
    self.init(
      time: time, comparesInode: mode.facts.contains(.inode), readsAll: mode.facts.contains(.readsAll))
  }
}
