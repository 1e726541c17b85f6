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

  /// The store that the path's scheme asks for. One elsewhere is tried again when it fails for a reason that may pass, and
  /// keeps to the rates that are set.
  ///
  /// - Parameter retries: Whether it is tried again at all.
  /// - Throws: `UnknownStore`; what is wrong with the path or an option for it.
  func store(_ context: ActionContext, retries: Bool = true) throws -> any ObjectStore {
    let request = request(context)
    let store = try context.run.stores.store(for: request)
    guard context.run.stores.localFolder(for: request) == nil else { return store }
    let (waits, console, name) = (context.run.waits, context.console, name)
    return request.tended(store, retries: retries) { waits.hear($0, of: name) { console.remark($0) } }
  }

  /// Seconds for which the repository may hold up others that are given the same: `stall_limit`, and the time that its packs
  /// take at the rate which it is to keep to.
  ///
  /// - Parameter pack: Bytes of a pack.
  func holdLimit(_ context: ActionContext, pack: Int) -> Double {
    let options = options(context)
    let rate = options[RemoteOptions.uploadRateLimit] << 10
    let paced = rate > 0 && folder(context) == nil ? Double(Self.packsUnderWay * pack) / Double(rate) : 0
    return Double(options[RemoteOptions.stallLimit]) + paced
  }

  /// Packs that wait to be sent, at most, while nothing more is taken.
  private static let packsUnderWay = 8

  private func options(_ context: ActionContext) -> ConfigurationSection {
    context.configuration?.options(for: section) ?? section
  }

  /// What decides where the path leads: itself, and all options of stores as they count for it. One path may stand for places at several
  /// servers.
  func place(_ context: ActionContext) -> [String] {
    guard let focused = context.configuration?.focused(on: section) else { return [path] }
    return [path]
      + context.run.stores.schema.options.map { option in
        focused.value(of: option.name, hidesSecrets: false)?.yaml ?? ""
      }
  }

  /// The folder of a repository on this machine; nil for one elsewhere.
  func folder(_ context: ActionContext) -> String? {
    context.run.stores.localFolder(for: request(context))
  }

  /// What is wrong with how the place is spelled, or with an option for it, as far as that can be told without asking for a
  /// secret or the place itself; nil for nothing.
  func problem(_ context: ActionContext) -> ConfigurationProblem? {
    struct Unknown: Error {}
    // Validation leaves variables of the environment as they are.
    guard !path.holds("${") else { return nil }
    let request = request(context) { text in
      guard !text.begins(with: "{credential"), !text.holds("${") else { throw Unknown() }
      return text
    }
    do {
      _ = try context.run.stores.store(for: request)
      return nil
    } catch is Unknown {
      return nil
    } catch {
      let diagnosis = Diagnosis(of: error)
      return ConfigurationProblem(
        mark: section.mark(of: RepositoryEntryOptions.path), message: "\(diagnosis.subject): \(diagnosis.problem)",
        suggestion: diagnosis.suggestion)
    }
  }

  private func request(_ context: ActionContext) -> StoreRequest {
    request(context, secret: context.credentials.value)
  }

  private func request(
    _ context: ActionContext, secret: @escaping @Sendable (String) throws -> String
  ) -> StoreRequest {
    let console = context.console
    return StoreRequest(
      address: path, options: options(context), secret: secret, surroundings: context.surroundings,
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
