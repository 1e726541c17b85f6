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
    LocalDirectoryKind(), S3Kind(),
  ])

  /// The options that configure them.
  public var schema: OptionSchema { OptionSchema("Stores", kinds.flatMap(\.options)) }

  /// Makes the store that an address asks for.
  ///
  /// - Throws: `UnknownStore`; what its kind finds wrong with it.
  public func store(for request: StoreRequest) throws -> any ObjectStore {
    guard let kind = kind(of: request.address) else {
      throw UnknownStore(address: request.address.text, known: kinds.flatMap(\.spellings))
    }
    return try kind.store(for: request)
  }

  /// The folder on this machine that an address stands for; nil for a place elsewhere, or none that is known.
  public func localFolder(for request: StoreRequest) -> String? {
    kind(of: request.address)?.localFolder(for: request)
  }

  private func kind(of address: StoreAddress) -> (any StoreKind)? {
    kinds.first { kind in
      kind.schemes.contains { scheme in
        guard let scheme, let wanted = address.scheme else { return scheme == nil && address.scheme == nil }
        return scheme.isSame(as: wanted)
      }
    }
  }
}

/// A place that repositories cannot be kept in.
public struct UnknownStore: DiagnosableError, Equatable {
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
