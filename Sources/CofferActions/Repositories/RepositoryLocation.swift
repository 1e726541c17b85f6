import CofferConfiguration
import CofferRepository
import CofferStorage
import CofferSystem

/// A repository as the configuration or the command line names it.
struct RepositoryLocation: Sendable {
  let path: String
  let label: String?
  let encryption: RepositoryEncryption?
  /// Whether the folders above it may be made.
  let makesParents: Bool
  /// Its entry in the configuration, which may hold options of its own.
  let section: ConfigurationSection

  init(_ section: ConfigurationSection) {
    path = section[RepositoryEntryOptions.path]
    label = section[RepositoryEntryOptions.label]
    encryption = section[RepositoryEntryOptions.encryption]
    makesParents = section[RepositoryEntryOptions.makeParentDirectories]
    self.section = section
  }

  init(path: String) {
    self.path = path
    label = nil
    encryption = nil
    makesParents = false
    section = ConfigurationSection()
  }

  /// As messages and `--repository` name it.
  var name: String { label ?? path }

  /// Whether `--repository` means it: by path, label, or a pattern of either.
  func matches(_ wanted: String) -> Bool {
    let pattern = NamePattern(wanted)
    return path == wanted || label == wanted || pattern.matches(path) || label.map(pattern.matches) == true
  }

  /// The store that the path's scheme asks for.
  ///
  /// - Throws: `UnknownStore`; what is wrong with the path or an option for it.
  func store(_ context: ActionContext) throws -> any ObjectStore {
    try context.run.stores.store(for: request(context))
  }

  /// The folder of a repository on this machine; nil for one elsewhere.
  func folder(_ context: ActionContext) -> String? {
    context.run.stores.localFolder(for: request(context))
  }

  private func request(_ context: ActionContext) -> StoreRequest {
    let console = context.console
    return StoreRequest(
      address: path, options: context.configuration?.options(for: section) ?? section,
      secret: context.credentials.value, surroundings: context.surroundings,
      warn: { console.warning(Console.text($0)) })
  }

  /// Where this machine keeps of all repositories what it need not read again.
  static func cacheFolder(_ surroundings: Surroundings) -> String { surroundings.environment[.cache] + "/coffer" }

  /// Bytes of packs that this machine keeps of the repository. Those of one on this machine are here anyway.
  private func baseCache(_ context: ActionContext, isFar: Bool) -> Int {
    let options = context.configuration?.options(for: section) ?? section
    guard let size = options[GeneralOptions.baseCache] else { return isFar ? Self.farBaseCache : 0 }
    return size.bytes
  }

  private static let farBaseCache = 2 << 30

  /// - Parameter unlockTimeout: Seconds for which an opened key is kept.
  func surroundings(
    _ context: ActionContext, unlockTimeout: Int, times: Timings? = nil
  ) -> RepositorySurroundings {
    let (surroundings, console) = (context.surroundings, context.console)
    let folder = surroundings.environment[.configuration] + "/coffer/keys"
    let isFar = self.folder(context) == nil
    let caches = Self.cacheFolder(surroundings)
    return RepositorySurroundings(
      clock: surroundings.clock, random: surroundings.random, keyFolder: folder, cacheFolder: caches,
      openedKeys: unlockTimeout > 0 ? OpenedKeys(keeper: surroundings.secretKeeper, seconds: unlockTimeout) : nil,
      isFar: isFar, baseCacheSize: baseCache(context, isFar: isFar), workers: surroundings.processors, times: times,
      cancellation: context.cancellation,
      changesNothing: context.isDryRun, warn: { console.warning(Console.text($0)) })
  }
}
