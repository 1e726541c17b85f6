import CofferHooks
import CofferRepository
import Foundation
import Testing

@testable import CofferActions

@Suite("Choosing what to restore")
struct SelectionTests {
  private func dump(
    _ database: String, hook: String = "postgresql_databases", host: String? = nil, port: Int? = nil,
    container: String? = nil, label: String? = nil, format: String = "custom"
  ) -> ArchiveDump {
    ArchiveDump(
      record: DumpRecord(
        hook: hook, database: database, hostname: host, port: port, container: container, label: label,
        format: format, bytes: 1,
        start: Date(), end: Date()), items: [])
  }

  private var dumps: [ArchiveDump] {
    [
      dump("users"), dump("users", host: "db2", port: 5433), dump("shop", label: "prod"),
      dump("app", hook: "sqlite_databases"),
    ]
  }

  private func places(_ selection: RestoreSelection) throws -> [String] {
    try selection.select(from: dumps, archive: "a").map { "\($0.identity.place)/\($0.record.database)" }
  }

  @Test("Names are the same when their bytes are, and one that holds the signs of patterns is found by itself")
  func exactNames() throws {
    let dumps = [dump("caf\u{e9}"), dump("cafe\u{301}"), dump("a[1]"), dump("a1"), dump("b*"), dump("bc")]
    func names(_ name: String) throws -> [[UInt8]] {
      try RestoreSelection(databases: [name]).select(from: dumps, archive: "a").map { Array($0.record.database.utf8) }
    }
    for name in ["caf\u{e9}", "cafe\u{301}", "a[1]", "b*"] { #expect(try names(name) == [Array(name.utf8)]) }
    #expect(try names("?[1c]").count == 2)
    let labelled = [dump("x", label: "caf\u{e9}"), dump("x", label: "cafe\u{301}")]
    let chosen = try RestoreSelection(originalLabel: "cafe\u{301}").select(from: labelled, archive: "a")
    #expect(chosen.map { $0.record.label?.utf8.count } == [6])
  }

  @Test("No example offers roles where databases are wanted, and a name is quoted for the shell")
  func examples() throws {
    let globals = dump("globals", format: DumpIdentity.globalsName)
    let error = #expect(throws: RestoreSelection.Failure.self) {
      try RestoreSelection(databases: ["nope"]).select(from: [globals, dump("it's `id`")], archive: "a b")
    }
    #expect(
      error?.diagnosis.suggestion
        == "For example: coffer restore --archive 'a b' --database 'it'\\''s `id`'")
  }

  @Test("What is not named means any: a name finds dumps with explicit ports, too")
  func selection() throws {
    #expect(try places(RestoreSelection()).count == 4)
    #expect(try places(RestoreSelection(databases: ["use*"])) == ["localhost/users", "db2:5433/users"])
    #expect(try places(RestoreSelection(databases: ["all"])).count == 4)
    #expect(try places(RestoreSelection(databases: ["users"], originalPort: 5432)) == ["localhost/users"])
    #expect(try places(RestoreSelection(databases: ["users"], originalPort: 5433)) == ["db2:5433/users"])
    #expect(try places(RestoreSelection(databases: ["users"], originalHostname: "localhost")) == ["localhost/users"])
    #expect(try places(RestoreSelection(hook: "sqlite")) == ["localhost/app"])
    #expect(try places(RestoreSelection(hook: "sqlite_databases")) == ["localhost/app"])
    #expect(try places(RestoreSelection(originalLabel: "prod")) == ["prod/shop"])
    #expect(try places(RestoreSelection(databases: ["app", "shop"])) == ["prod/shop", "localhost/app"])
  }

  @Test("Roles are restored by their plain name only, and a database that is called like them by a pattern")
  func globals() throws {
    let dumps = [dump("globals", format: "globals"), dump("globals"), dump("users")]
    func formats(_ databases: String...) throws -> [String] {
      try RestoreSelection(databases: databases).select(from: dumps, archive: "a").map {
        "\($0.record.database) \($0.record.format)"
      }
    }
    #expect(try formats() == ["globals custom", "users custom"])
    #expect(try formats("all") == ["globals custom", "users custom"])
    #expect(try formats("*") == ["globals custom", "users custom"])
    #expect(try formats("users", "globals") == ["globals globals", "users custom"])
    #expect(try formats("global[s]") == ["globals custom"])
  }

  @Test("What finds nothing shows what there is, and a command that works")
  func noMatch() {
    for selection in [
      RestoreSelection(databases: ["shop", "nope"]), RestoreSelection(hook: "mysql"),
      RestoreSelection(databases: ["users"], originalPort: 1), RestoreSelection(originalContainer: "box"),
    ] {
      do {
        _ = try selection.select(from: dumps, archive: "a", missing: ["sqlite_databases/localhost/lost"])
        Issue.record("found something")
      } catch {
        let diagnosis = error.diagnosis
        for sign in ["db2", "prod", "partial, without sqlite_databases/localhost/lost"] {
          #expect(diagnosis.problem.contains(sign))
        }
        #expect(
          diagnosis.suggestion
            == "For example: coffer restore --archive a --database users --original-hostname localhost")
      }
    }
  }

  @Test("A name that fits several dumps is refused with a command for each of them")
  func ambiguity() {
    let dumps = [
      dump("users"), dump("users", host: "db2", port: 5433), dump("users", hook: "mariadb_databases"),
      dump("users", container: "my box"), dump("other"),
    ]
    do {
      _ = try RestoreSelection(databases: ["users"]).select(from: dumps, archive: "a")
      Issue.record("found something")
    } catch {
      let begin = "coffer restore --archive a --database users"
      #expect(
        error.diagnosis.suggestion?.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) } == [
          "Choose one, or quote a pattern for all of them:",
          "\(begin) --hook postgresql_databases --original-hostname localhost",
          "\(begin) --hook postgresql_databases --original-hostname db2", "\(begin) --hook mariadb_databases",
          "\(begin) --hook postgresql_databases --original-container 'my box'",
        ])
    }
  }

  @Test("Archive names take host, user, process and times")
  func names() {
    setenv("TZ", "UTC", 1)
    let name = ArchiveName(
      hostname: "db1.example.org", username: "root", processID: 42,
      now: Date(timeIntervalSince1970: 1_800_000_000.25))
    #expect(name.expand("{hostname}-{now:%Y-%m-%d}-{pid}") == "db1-2027-01-15-42")
    #expect(
      name.expand("{fqdn} {user} {utcnow:%H%M%S.%f} {unixtime}") == "db1.example.org root 080000.250000 1800000000")
    #expect(name.expand("{unknown} {") == "{unknown} {")
    #expect(name.unknownPlaceholders(in: "{hostname}-{uuid4}{now:%Y} {} {x") == ["{uuid4}", "{}"])
  }

  @Test(
    "The names that a format gives are those that its pattern sees, whatever is in it, and no others",
    arguments: [
      "{hostname}-{now}", "db[1]-{now}", "a*b?c-{utcnow:%H[%M]}", "re:{hostname}.{now}", "sh:{now}", "[!a]{pid}",
      "{unknown}-[{now}]",
      "a\\*-{unixtime}", "]{user}[",
    ])
  func patterns(format: String) throws {
    let maker = ArchiveName(
      hostname: "db1.example.org", username: "ro[o]t", processID: 42,
      now: Date(timeIntervalSince1970: 1_800_000_000.25))
    let filter = ArchiveFilter(glob: maker.pattern(for: format))
    let name = maker.expand(format)
    #expect(try filter.sees(name))
    #expect(try !filter.sees("x" + name) && !filter.sees(""))
  }

  @Test("Sizes, durations and modes read well")
  func formats() {
    #expect(Formats.size(0) == "0 B" && Formats.size(999) == "999 B" && Formats.size(1000) == "1.00 kB")
    #expect(Formats.size(123_456_789) == "123 MB" && Formats.size(9_990_000) == "9.99 MB")
    #expect(
      Formats.duration(3.25) == "3.2 s" && Formats.duration(75) == "1 min 15 s"
        && Formats.duration(7300) == "2 h 01 min")
    #expect(Formats.mode("-", 0o4751) == "-rwsr-x--x" && Formats.mode("d", 0o1777) == "drwxrwxrwt")
  }

  @Test("Paths choose what is at them and below, and not what merely begins alike")
  func paths() throws {
    var selection = try PathSelection(["/etc/ssl/", "home"])
    let chosen = try ["etc/ssl", "etc/ssl/certs/a", "home/b", "etc/sslx", "homes", "etc"].filter {
      try selection.contains(ItemPath($0))
    }
    #expect(chosen == ["etc/ssl", "etc/ssl/certs/a", "home/b"])
    var everything = try PathSelection([])
    let isChosen = try everything.contains(ItemPath("anything"))
    #expect(isChosen && everything.unmet.isEmpty)
  }

  @Test("Paths that have chosen nothing are known, also where another has chosen what is below them")
  func unmetPaths() throws {
    var selection = try PathSelection(["/etc/", "etc/ssl", "sh:srv/*.db", "re:nothing", "gone"])
    #expect(selection.unmet == ["/etc/", "etc/ssl", "gone", "sh:srv/*.db", "re:nothing"])
    for path in ["etc/ssl/a", "srv/a.db"] { _ = try selection.contains(ItemPath(path)) }
    #expect(selection.unmet == ["gone", "re:nothing"])
  }
}
