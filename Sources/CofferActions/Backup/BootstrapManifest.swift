/// What `create` says about the configuration files it put into an archive.
struct BootstrapManifest: Codable, Equatable {
  static let path = "coffer/bootstrap/manifest.json"

  let configPaths: [String]

  private enum CodingKeys: String, CodingKey {
    case configPaths = "config_paths"
  }
}
