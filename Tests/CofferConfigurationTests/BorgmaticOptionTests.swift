import CofferActions
import Testing

@testable import CofferConfiguration

@Suite("Options of borgmatic")
struct BorgmaticOptionTests {
  private func option(_ name: String) -> Option? {
    let parts = name.split(separator: ".").map(String.init)
    guard let outer = OptionCatalogue.standard.top[parts[0]], parts.count > 1 else {
      return OptionCatalogue.standard.top[parts[0]]
    }
    return switch outer.kind {
    case .section(let schema?), .list(.section(let schema?)): schema[parts[1]]
    default: nil
    }
  }

  @Test("Every one of them is declared, with words about what becomes of it", arguments: BorgmaticOptions.names)
  func complete(name: String) throws {
    let option = try #require(self.option(name), "\(name)")
    #expect(option.support != .own)
    switch option.support {
    case .ignored(let text), .refused(let text), .differently(let text): #expect(text.count > 15)
    default: #expect(option.documentation.count > 15)
    }
  }

  @Test("Every option that borgmatic does not have says so")
  func own() {
    let places: [(place: String, schema: OptionSchema)] =
      [("", OptionCatalogue.standard.top)]
      + OptionCatalogue.standard.top.options.filter { $0.support != .own }.compactMap { option in
        switch option.kind {
        case .section(let schema?), .list(.section(let schema?)): ("\(option.name).", schema)
        default: nil
        }
      }
    let names = places.flatMap { place, schema in
      schema.options.filter { $0.support != .own }.map { place + $0.name }
    }
    #expect(Set(names).subtracting(BorgmaticOptions.names).isEmpty)
  }

  @Test("No option is declared twice")
  func once() {
    let names = OptionCatalogue.standard.top.options.map(\.name)
    #expect(names.count == Set(names).count)
  }

  @Test("What only steers Borg is accepted, with one warning that says what happens instead")
  func ignored() throws {
    let configuration = try load(
      minimal + """
        lock_wait: 5
        local_path: borg1
        extra_borg_options:
          create: --exclude-nodump
        checkpoint_interval: 900
        borg_exit_codes:
          - code: 100
            treat_as: warning
        """)
    let warnings = configuration.notices.warnings(for: configuration.path)
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.contains("local_path, extra_borg_options: Coffer is one program") == true)
    #expect(warnings.first?.contains("lock_wait: Runs do not lock") == true)
  }

  @Test("What has nothing behind it yet is told in one line")
  func planned() throws {
    let later = OptionKey<Int?>("later", "Does something some day.", support: .planned)
    let never = OptionKey<[String]>("never", "Does something some other day.", support: .planned)
    var validator = Validator(top: OptionSchema("Test", [later.option, never.option]))
    var parser = YAMLParser(file: "/c.yaml")
    validator.check(try #require(try parser.parse(Array("never: [a]\nlater: 1\n".utf8))))
    #expect(validator.problems.isEmpty)
    #expect(
      validator.notices.warnings(for: "/c.yaml") == [
        "/c.yaml: Coffer does nothing with these options yet: never, later"
      ])
  }

  @Test("The kinds of ignored options are looked at all the same")
  func ignoredKinds() {
    #expect(
      problems(minimal + "lock_wait: long\n") == [
        "/c.yaml:3:12: Option 'lock_wait' must be a whole number, found 'long'"
      ])
  }

  @Test("Systems that Coffer does not work with are errors that say so")
  func refused() {
    #expect(problems(minimal + "zfs:\n").count == 1)
    let found = problems(minimal + "zfs:\n  zfs_command: /sbin/zfs\ninfluxdb_databases:\n  - name: all\n")
    #expect(found.count == 2)
    #expect(found.first?.hasPrefix("/c.yaml:3:1: Option 'zfs' is not supported. Coffer makes no") == true)
    #expect(found.last?.contains("Coffer does not dump InfluxDB") == true)
  }

  @Test("Any option of the top may stand under a repository, and is looked at there")
  func underRepository() throws {
    _ = try load(
      "repositories:\n  - path: /r\n    compression: zstd,9\n    bootstrap:\n      store_config_files: false\n")
    #expect(
      problems("repositories:\n  - path: /r\n    keep_dayly: 7\n    keep_weekly: \"4\"\n") == [
        "/c.yaml:3:5: Unknown option 'keep_dayly'. Did you mean 'keep_daily'?",
        "/c.yaml:4:18: Option 'keep_weekly' must be a whole number, found the text \"4\". Write it without quotes: 4",
      ])
    #expect(problems("repositories:\n  - path: /r\n    repositories: []\n").count == 1)
  }

  @Test("What stands under a repository counts for it alone, in place of what stands at the top")
  func perRepository() throws {
    let configuration = try load(
      """
      compression: zstd,3
      source_directories: [/etc]
      repositories:
        - path: /r
          label: first
        - path: /s
          compression: zstd,19
          source_directories: [/srv]
      """)
    let views = configuration.repositories.map(configuration.options)
    #expect(views.map { $0[GeneralOptions.compression].spelling } == ["zstd,3", "zstd,19"])
    #expect(views.map { $0[GeneralOptions.sourceDirectories] } == [["/etc"], ["/srv"]])
  }

  @Test("check_repositories names configured ones")
  func checkedRepositories() throws {
    let two = "repositories:\n  - path: /r\n    label: local\n  - path: /s\n"
    _ = try load(two + "check_repositories: [local, /s]\n")
    #expect(
      problems(two + "check_repositories: [lokal]\n") == [
        "/c.yaml:5:22: There is no repository 'lokal' to check. Did you mean 'local'?"
      ])
  }
}

@Suite("Compression")
struct CompressionTests {
  @Test(
    "Every method of Borg's is taken for a level of zstd",
    arguments: [
      ("zstd", 3), ("zstd,9", 9), ("zstd,22", 19), ("lz4", 1), ("none", 1), ("zlib,6", 3), ("lzma,9", 12),
      ("auto,zstd,10", 10), ("auto,lzma", 12), ("obfuscate,110,zstd,5", 5),
    ])
  func levels(text: String, level: Int) {
    #expect(BlockCompression(text)?.level == level)
    #expect((BlockCompression(text)?.remark == nil) == ["zstd", "zstd,9"].contains(text))
  }

  @Test(
    "What is no method is a problem, at the top and under a repository", arguments: ["gzip", "zstd,x", "zstd,3,4", ""])
  func unknown(text: String) {
    #expect(BlockCompression(text) == nil)
    guard !text.isEmpty else { return }
    #expect(
      problems(minimal + "compression: \(text)\n").first?.contains("must be a way to compress, found '\(text)'") == true
    )
    #expect(problems(minimal + "    compression: \(text)\n").count == 1)
  }

  @Test("Hidden sizes are not promised")
  func obfuscation() throws {
    #expect(BlockCompression("obfuscate,3,lz4")?.remark?.contains("sizes are not obfuscated") == true)
  }
}
