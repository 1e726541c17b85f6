import CofferHooks
import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Includes")
struct IncludeTests {
  private func message(_ files: [String: String]) -> String {
    do {
      _ = try load(files)
      return ""
    } catch {
      return (error as? ConfigurationError)?.problems.map { "\($0.mark): \($0.message)" }.joined(separator: "\n") ?? ""
    }
  }

  @Test("Includes merge deeply: local scalars win, lists join with the included elements first")
  func includes() throws {
    let files = [
      "/c.yaml": """
      <<: !include common.yaml
      archive_name_format: local
      source_directories: [/b]
      bootstrap: !include sub/bootstrap.yaml
      """,
      "/common.yaml":
        "repositories:\n  - path: /r\narchive_name_format: common\ncompression: zstd,5\nsource_directories: [/a]\n",
      "/sub/bootstrap.yaml": "store_config_files: false\n",
    ]
    let configuration = try load(files)
    #expect(configuration.root[GeneralOptions.archiveNameFormat].spelling == "local")
    #expect(configuration.root[GeneralOptions.compression].spelling == "zstd,5")
    #expect(configuration.root[GeneralOptions.sourceDirectories] == ["/a", "/b"])
    #expect(configuration.root[GeneralOptions.bootstrap][BootstrapOptions.storeConfigFiles] == false)
    #expect(configuration.filesRead == ["/c.yaml", "/common.yaml", "/sub/bootstrap.yaml"])
  }

  @Test("!retain keeps only the local value, !omit takes included elements away")
  func retainAndOmit() throws {
    let common = "repositories:\n  - path: /r\nsource_directories: [/a, /b]\n"
    let retained = try load([
      "/c.yaml": "<<: !include x.yaml\nsource_directories: !retain [/c]\n", "/x.yaml": common,
    ])
    #expect(retained.root[GeneralOptions.sourceDirectories] == ["/c"])
    let omitted = try load([
      "/c.yaml": "<<: !include x.yaml\nsource_directories:\n  - !omit /a\n  - /c\n", "/x.yaml": common,
    ])
    #expect(omitted.root[GeneralOptions.sourceDirectories] == ["/b", "/c"])
  }

  @Test("A file that includes itself, or one that is not there, is told where it says so")
  func badIncludes() {
    let recursive = #expect(throws: ConfigurationError.self) {
      try load(["/c.yaml": "<<: !include d.yaml\n", "/d.yaml": "<<: !include c.yaml\n"])
    }
    #expect(recursive?.problems.first?.message.contains("includes itself") == true)
    let missing = #expect(throws: ConfigurationError.self) { try load("<<: !include nowhere.yaml\n") }
    #expect(missing?.problems.first?.mark == SourceMark(file: "/c.yaml", line: 1, column: 5))
  }

  @Test("Of mappings that are merged in a list the earlier wins, of files in one !include the later")
  func mergeOrder() throws {
    let merged = try load(
      """
      repositories: [{path: /r}]
      postgresql_databases:
        - &a {name: users, hostname: db1, port: 5433}
        - &b {name: reports, hostname: db2, username: reader}
        - <<: [*a, *b]
          label: third
      """
    ).root[PostgreSQLOptions.databases].last
    #expect(merged?[ServerOptions.name] == "users")
    #expect(merged?[ServerOptions.hostname] == "db1")
    #expect(merged?[ServerOptions.port] == 5433)
    #expect(merged?[ServerOptions.username] == "reader")
    let files = ["/a.yaml": "compression: zstd,1\nretries: 1\n", "/b.yaml": "compression: zstd,2\n"]
    let head = "repositories: [{path: /r}]\n"
    let list = try load(files.merging(["/c.yaml": head + "<<: !include [a.yaml, b.yaml]\n"]) { $1 }).root
    #expect(list[GeneralOptions.compression].spelling == "zstd,2" && list[RunOptions.retries] == 1)
    let single = try load(files.merging(["/c.yaml": head + "<<: [!include a.yaml, !include b.yaml]\n"]) { $1 }).root
    #expect(single[GeneralOptions.compression].spelling == "zstd,1" && single[RunOptions.retries] == 1)
  }

  @Test("Of several included files the later ones win, and the local file over all")
  func several() throws {
    let root = try load([
      "/c.yaml": "<<: !include [a.yaml, b.yaml]\nsource_directories: [/c]\n",
      "/a.yaml": minimal + "compression: zstd,1\nworking_directory: /a\nsource_directories: [/a]\n",
      "/b.yaml": "compression: zstd,2\nsource_directories: [/b]\n",
    ]).root
    #expect(root[GeneralOptions.compression].spelling == "zstd,2")
    #expect(root[GeneralOptions.workingDirectory] == "/a")
    #expect(root[GeneralOptions.sourceDirectories] == ["/a", "/b", "/c"])
  }

  @Test("A file is looked for beside the one that includes it, whatever folder somebody stands in")
  func places() throws {
    let files = [
      "/etc/coffer/config.yaml": "<<: !include common.yaml\n<<: !include beside.yaml\n",
      "/etc/coffer/common.yaml": "compression: zstd,9\n", "/etc/coffer/beside.yaml": minimal,
      "/srv/common.yaml": "compression: zstd,1\n", "/srv/elsewhere.yaml": minimal,
      "/etc/coffer/only-elsewhere.yaml": "<<: !include elsewhere.yaml\n",
    ]
    let loader = ConfigurationLoader(
      files: reader(of: files), environment: ProcessEnvironment([:]), currentFolder: "/srv")
    let configuration = try loader.load("/etc/coffer/config.yaml")
    #expect(configuration.root[GeneralOptions.compression].spelling == "zstd,9")
    #expect(
      Set(configuration.filesRead)
        == ["/etc/coffer/config.yaml", "/etc/coffer/common.yaml", "/etc/coffer/beside.yaml"])
    let elsewhere = try? loader.load("/etc/coffer/only-elsewhere.yaml")
    #expect(elsewhere == nil)
    #expect(message(["/c.yaml": "<<: !include no.yaml\n"]).contains("cannot be read: /no.yaml"))
  }

  @Test("An included file that cannot be read is told with the reason, at the place that names it")
  func unreadable() {
    let files = FileReader(
      read: { (path) throws(SystemError) in
        guard path.hasSuffix("/c.yaml") else {
          throw SystemError(call: "open", subject: path, code: path.hasSuffix("secret.yaml") ? EACCES : EISDIR)
        }
        return Array("<<: !include \(path.hasPrefix("/a/") ? "secret" : "folder").yaml\n".utf8)
      }, entries: { _ in nil })
    let loader = ConfigurationLoader(files: files, environment: ProcessEnvironment([:]), currentFolder: "/")
    func message(_ path: String) -> String {
      do {
        _ = try loader.load(path)
        return ""
      } catch {
        return "\(error)"
      }
    }
    let words = "The included file cannot be read"
    #expect(message("/a/c.yaml").contains("/a/c.yaml:1:5: \(words): /a/secret.yaml: Permission denied"))
    #expect(message("/a/c.yaml").contains("Check the owner and the permissions"))
    #expect(message("/b/c.yaml").contains("cannot be read: /b/folder.yaml: Is a directory"))
    #expect(!message("/b/c.yaml").contains("Correct the path"))
  }

  @Test("Tags that steer a merge need one in their file")
  func tagsWithoutMerge() {
    #expect(
      message(["/c.yaml": minimal + "source_directories: !retain [/a]\n"])
        == "/c.yaml:3:21: !retain means something only where an included file is merged")
    #expect(
      message([
        "/c.yaml": "<<: !include d.yaml\n", "/d.yaml": minimal + "source_directories:\n  - !omit /a\n",
      ]) == "/d.yaml:4:5: !omit means something only where an included file is merged")
    #expect(message(["/c.yaml": minimal + "working_directory: !path /a\n"]).contains("There is no tag !path"))
  }

  @Test("Tags that would make another value of what is written are refused, and those that make none are not")
  func ownTags() throws {
    for tag in ["!!binary", "!!null", "!!timestamp", "!<tag:example.org,2026:x>"] {
      let found = message(["/c.yaml": minimal + "working_directory: \(tag) aGVsbG8=\n"])
      let name = tag.hasPrefix("!<") ? "tag:example.org,2026:x" : tag
      #expect(found == "/c.yaml:3:20: There is no tag \(name)")
    }
    _ = try load(["/c.yaml": minimal + "working_directory: !!str /a\nsource_directories: !!seq [!!str /b]\n"])
  }

  @Test("Tags for values that the included file does not have do no harm")
  func tagsForNothing() throws {
    let root = try load([
      "/c.yaml":
        "<<: !include d.yaml\nbootstrap: !retain\n  store_config_files: false\nsource_directories: [!omit /x]\n",
      "/d.yaml": minimal,
    ]).root
    #expect(root[GeneralOptions.bootstrap][BootstrapOptions.storeConfigFiles] == false)
    #expect(root[GeneralOptions.sourceDirectories] == [])
  }

  @Test("Two names that look alike are two, in mappings that are merged, in lists and as constants")
  func lookingAlike() throws {
    let names = ["caf\u{e9}", "cafe\u{301}"]
    let files = [
      "/c.yaml": "<<: !include d.yaml\nconstants: {\(names[0]): /a}\nsource_directories: [!omit /\(names[0])]\n"
        + "working_directory: \"{\(names[1])}\"\n",
      "/d.yaml": minimal + "constants: {\(names[1]): /b}\nsource_directories: [/\(names[0]), /\(names[1])]\n",
    ]
    let configuration = try load(files)
    #expect(configuration.root[GeneralOptions.workingDirectory] == "/b")
    #expect(
      configuration.root[GeneralOptions.sourceDirectories].map { ExactName($0) } == [ExactName("/\(names[1])")])
    #expect(configuration.notices.repeated.isEmpty)
  }

  @Test("Values of different shapes cannot be merged, and both places are told")
  func differentShapes() {
    let text = message(["/c.yaml": "<<: !include d.yaml\nrepositories: /r\n", "/d.yaml": minimal])
    #expect(text == "/c.yaml:2:15: This is '/r', but the included value at /d.yaml:2:3 is a list")
  }

  @Test("Problems in an included file are told with its name")
  func problemsInside() {
    #expect(
      message(["/c.yaml": "<<: !include d.yaml\n", "/d.yaml": minimal + "keep_daly: 7\n"])
        == "/d.yaml:3:1: Unknown option 'keep_daly'")
  }
}
