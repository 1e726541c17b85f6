import CofferSystem

/// One validated configuration file, with what it includes.
public struct Configuration: Sendable {
  public let path: String
  public let root: ConfigurationSection
  /// The file and everything it included.
  public let filesRead: [String]
  /// What its writer should know although it can be used.
  public internal(set) var notices: ConfigurationNotices
  /// What may stand in it.
  public let known: OptionCatalogue

  public var repositories: [ConfigurationSection] { root[GeneralOptions.repositories] }

  /// The options as they count for one repository: what stands in its section in place of what stands at the top.
  public func options(for repository: ConfigurationSection) -> ConfigurationSection {
    root.overlaid(with: ownEntries(repository))
  }

  /// Whether a repository's section holds options that count in place of those at the top, besides these.
  public func hasOwnOptions(_ repository: ConfigurationSection, besides options: [Option]) -> Bool {
    ownEntries(repository).contains { entry in !options.contains { $0.name.isSame(as: entry.key) } }
  }

  private func ownEntries(_ repository: ConfigurationSection) -> [YAMLNode.Entry] {
    let names = RepositoryEntryOptions.schema.options.map(\.name)
    return repository.node.entries.filter { entry in !names.contains { $0.isSame(as: entry.key) } }
  }

  /// The same file for somebody who reads no other options at its top: one that does is a mistake in the program, at
  /// which a debug build stops.
  public func limited(to schemas: [OptionSchema]) -> Configuration {
    let names = Set(schemas.flatMap(\.options).map { ExactName($0.name) })
    return Configuration(
      path: path, root: ConfigurationSection(node: root.node, readable: names), filesRead: filesRead, notices: notices,
      known: known)
  }

  /// The same file with the options as they count for one repository.
  public func focused(on repository: ConfigurationSection) -> Configuration {
    Configuration(path: path, root: options(for: repository), filesRead: filesRead, notices: notices, known: known)
  }
}

extension ConfigurationSection {
  fileprivate func overlaid(with entries: [YAMLNode.Entry]) -> ConfigurationSection {
    var node = node
    let replaced = Self.replaced(by: entries.map(\.key))
    node.content = .mapping(node.entries.filter { old in !replaced.contains { $0.isSame(as: old.key) } } + entries)
    return ConfigurationSection(node: node)
  }

  /// The options that these stand in place of: themselves, and what says the same in another way. Else a passphrase for all
  /// would count before the command that a repository names.
  private static func replaced(by keys: [String]) -> [String] {
    let passphrase = [GeneralOptions.encryptionPassphrase.name, GeneralOptions.encryptionPasscommand.name]
    let saysPassphrase = keys.contains { key in passphrase.contains { $0.isSame(as: key) } }
    return saysPassphrase ? keys + passphrase : keys
  }
}
