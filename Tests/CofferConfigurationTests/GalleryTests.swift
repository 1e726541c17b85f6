import CofferHooks
import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

/// Loads the files of `Tests/Configurations`: what borgmatic's users have in `/etc/borgmatic`.
@Suite("Configurations as people have them")
struct GalleryTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Configurations")
  private static let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter {
    $0.hasSuffix(".yaml")
  }

  private func load(_ name: String) throws -> Configuration {
    let environment = ["DB_PASSWORD": "a", "BACKUP_PASSPHRASE": "b", "STAGE": "production"]
    let loader = ConfigurationLoader(environment: ProcessEnvironment(environment), currentFolder: "/")
    return try loader.load(Self.folder.appending(path: name).path)
  }

  private func names(_ notices: [ConfigurationNotices.Notice]) -> Set<String> { Set(notices.map(\.name)) }

  @Test("Every file can be used as it is", arguments: files)
  func usable(name: String) throws {
    let configuration = try load(name)
    #expect(!configuration.repositories.isEmpty)
    if !["older.yaml"].contains(name) { #expect(configuration.notices.deprecated.isEmpty) }
  }

  @Test("Every file can be written anew, and then means the same", arguments: files)
  func anew(name: String) throws {
    let old = try load(name)
    let path = Self.folder.appending(path: name).path
    let environment = ProcessEnvironment(["DB_PASSWORD": "a", "BACKUP_PASSPHRASE": "b", "STAGE": "production"])
    let template = try ConfigurationLoader(environment: environment, currentFolder: "/").template(from: path)
    let loader = ConfigurationLoader(
      files: reader(of: ["/c.yaml": template.text]), environment: environment, currentFolder: "/")
    let new = try loader.load("/c.yaml")
    #expect(new.notices.deprecated.isEmpty)
    func members(_ configuration: Configuration) -> [String: ConfigurationValue] {
      guard case .section(let members) = configuration.value(hidesSecrets: false) else { return [:] }
      return Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.value) })
    }
    #expect(members(new) == members(old).filter { !template.leftOut.contains($0.key) })
  }

  @Test("Nothing is said about a file that says nothing odd")
  func quiet() throws {
    for name in [
      "minimal.yaml", "postgresql.yaml", "sqlite-and-mongodb.yaml", "environment.yaml", "credentials.yaml",
      "patterns.yaml",
    ] {
      #expect(try load(name).notices == ConfigurationNotices(), "\(name)")
    }
  }

  @Test("What only steers Borg is named, all of it")
  func borgOnly() throws {
    let notices = try load("borg-only.yaml").notices
    #expect(
      names(notices.ignored) == [
        "repositories[0].append_only", "repositories[0].storage_quota", "local_path", "chunker_params",
        "checkpoint_interval", "upload_buffer_size", "borg_base_directory", "borg_cache_directory",
        "extra_borg_options", "borg_exit_codes", "relocated_repo_access_is_ok",
        "unknown_unencrypted_repo_access_is_ok", "archive_list_format",
      ])
    #expect(notices.remarks.map(\.text) == ["'lz4' is taken for 'zstd,1'"])
    #expect(notices.warnings(for: "x").count == 2)
  }

  @Test("Files of years ago mean what they meant")
  func older() throws {
    let configuration = try load("older.yaml")
    #expect(
      configuration.repositories.map { $0[RepositoryEntryOptions.path] }
        == ["/mnt/backup/old.borg", "user@backup.example.org:old.borg"])
    #expect(configuration.root[CommandOptions.commands].count == 3)
    #expect(configuration.root[RunOptions.matchArchives]?.spelling == "old-*")
    #expect(configuration.root[RemoteOptions.uploadRateLimit] == 100)
    #expect(configuration.notices.deprecated.count == 14)
  }

  @Test("Shared files and constants come to what they should")
  func shared() throws {
    let included = try load("includes.yaml")
    #expect(included.root[GeneralOptions.sourceDirectories] == ["/etc", "/srv/app1"])
    #expect(included.root[RetentionOptions.monthly] == 12)
    #expect(included.root[PostgreSQLOptions.databases].count == 2)
    #expect(included.filesRead.count == 3)
    let constants = try load("constants.yaml")
    #expect(constants.repositories.first?[RepositoryEntryOptions.path] == "/mnt/backup/shop.borg")
    #expect(constants.root[PostgreSQLOptions.databases].first?[ServerOptions.port] == 5433)
    #expect(
      constants.root[CommandOptions.commands].first?[CommandOptions.run] == [#"echo 'it'\''s time' {repository}"#])
    let alone = try load("per-repository.yaml")
    let views = alone.repositories.map(alone.options)
    #expect(views.map { $0[GeneralOptions.sourceDirectories] } == [["/etc", "/srv"], []])
    #expect(views.map { $0[RetentionOptions.daily] } == [30, 3])
  }
}
