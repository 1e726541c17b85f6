import CofferConfiguration
import CofferSystem

/// One kind of place that repositories can be kept in. It alone knows how such places are spelled, which options count for them
/// and what credentials they need.
public protocol StoreKind: Sendable {
  /// Schemes that stand for it, in lower-case letters; nil stands for addresses without one.
  var schemes: [String?] { get }

  /// How its places are spelled, as examples in messages.
  var spellings: [String] { get }

  /// Options of a configuration file that only it reads, at the top and below `repositories`; each is a flag, too.
  var options: [Option] { get }

  /// Makes the store, without asking anything of the place yet.
  ///
  /// - Throws: What is wrong with the address, an option or a credential.
  func store(for request: StoreRequest) throws -> any ObjectStore

  /// The folder on this machine that such a place is; nil for one elsewhere. Backups of files leave it out, and `repo-create`
  /// looks whether the folder above it is there.
  func localFolder(for request: StoreRequest) -> String?
}

extension StoreKind {
  public var options: [Option] { [] }

  public func localFolder(for request: StoreRequest) -> String? { nil }
}

/// What a store is made of.
public struct StoreRequest: Sendable {
  public let address: StoreAddress
  /// As they count for the repository: those of the file's top, and in their place what its own entry says.
  public let options: ConfigurationSection
  /// Turns a configured text into the secret that it stands for.
  public let secret: @Sendable (String) throws -> String
  /// This machine: its programs, clock, chance, environment, and the folder that relative paths start from.
  public let surroundings: Surroundings
  /// Told once of what the place cannot promise.
  public let warn: @Sendable (Diagnosis) -> Void

  public init(
    address: String, options: ConfigurationSection, secret: @escaping @Sendable (String) throws -> String,
    surroundings: Surroundings, warn: @escaping @Sendable (Diagnosis) -> Void
  ) {
    self.address = StoreAddress(address)
    self.options = options
    self.secret = secret
    self.surroundings = surroundings
    self.warn = warn
  }
}
