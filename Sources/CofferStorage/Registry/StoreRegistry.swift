import CofferConfiguration
import CofferSystem

/// The kinds of places that repositories can be kept in.
public struct StoreRegistry: Sendable {
  private let kinds: [any StoreKind]

  public init(_ kinds: [any StoreKind]) {
    self.kinds = kinds
  }

  /// All that this program knows. A new kind is a file and a line here.
  public static let standard = StoreRegistry([
    LocalDirectoryKind(), ServedStoreKind(), SFTPKind(), RcloneKind(), S3Kind(),
  ])

  /// The options that configure them.
  public var schema: OptionSchema {
    // Several kinds may read the same.
    var options: [Option] = []
    for option in kinds.flatMap(\.options) where !options.contains(where: { $0.name == option.name }) {
      options.append(option)
    }
    return OptionSchema("Stores", options)
  }

  /// Makes the store that an address asks for.
  ///
  /// - Throws: `UnknownStore`; what its kind finds wrong with it.
  public func store(for request: StoreRequest) throws -> any ObjectStore {
    guard let kind = kind(of: request.address) else {
      throw UnknownStore(address: request.address.shown, known: kinds.flatMap(\.spellings))
    }
    return try kind.store(for: request)
  }

  /// The folder on this machine that an address stands for; nil for a place elsewhere, or none that is known.
  public func localFolder(for request: StoreRequest) -> String? {
    kind(of: request.address)?.localFolder(for: request)
  }

  private func kind(of address: StoreAddress) -> (any StoreKind)? {
    // Whoever writes `user@host:path` means ssh.
    let scheme = address.isShortForm ? "ssh" : address.scheme
    return kinds.first { kind in kind.schemes.contains { $0 == scheme } }
  }
}

/// A place that repositories cannot be kept in.
public struct UnknownStore: DiagnosableError, Equatable {
  /// For messages.
  public let address: String
  /// How places that are known are spelled.
  public let known: [String]

  public init(address: String, known: [String]) {
    self.address = address
    self.known = known
  }

  public var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(address)", problem: "No such kind of place is known",
      suggestion: "Known are \(known.joined(separator: ", ")). Mount the place and use its path; "
        + "a folder whose name holds a colon is written ./NAME")
  }
}
