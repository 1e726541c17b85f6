import Foundation
import Testing

@Suite("Finding, extracting by patterns, and tar archives, with the built program")
struct FindAndExportTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.run("sqlite3", "shop.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    try ground.write("files/hosts", "one")
    try ground.write("files/deep/photo.jpg", "picture")
    try ground.write("files/deep/cache/photo.jpg", "thumbnail")
    try ground.configure(
      """
      archive_name_format: 'a-{now}'
      source_directories: [\(ground.folder)/files]
      sqlite_databases: [{name: shop, path: \(ground.folder)/shop.db}]
      """)
    try ground.succeed("repo-create", "--encryption", "repokey")
    try create()
  }

  private func create() throws { try ground.succeed("create") }

  private var files: String { "\(ground.folder)/files".dropFirst().description }

  @Test("find says which archives hold a path, in which version; list --find says the same")
  func find() throws {
    try create()
    try ground.write("files/hosts", "three")
    try create()
    try FileManager.default.removeItem(atPath: "\(ground.folder)/files/deep/photo.jpg")
    try create()
    let names = try ground.archives()
    let found = try ground.coffer("find", "hosts", "photo", "--json")
    #expect(found.status == .exited(0), "\(found.errors)")
    let outcome = try #require(found.json.first)
    #expect(outcome["archives"] as? [String] == names)
    let places = try #require(outcome["found"] as? [[String: Any]])
    let versions = Dictionary(
      uniqueKeysWithValues: places.map { place in
        let list = place["versions"] as? [[String: Any]] ?? []
        return (
          (place["path"] as? String)?.dropFirst(files.count + 1).description ?? "",
          list.map { $0["archives"] as? [String] ?? [] }
        )
      })
    #expect(
      versions == [
        "hosts": [Array(names[..<2]), Array(names[2...])], "deep/photo.jpg": [Array(names[..<3])],
        "deep/cache/photo.jpg": [names],
      ])
    let listed = try ground.coffer("list", "--find", "hosts", "--find", "photo", "--json")
    #expect(listed.output == found.output)
    let table = try ground.coffer("find", "/" + files + "/hos*").output.split(separator: "\n")
    #expect(table.count == 3 && table[1].hasPrefix("3 B ") && table[2].hasPrefix("5 B "), "\(table)")
    let short = try ground.coffer("find", "re:\\.jpg$", "--short", "--last", "1").output
    #expect(short == "\(files)/deep/cache/photo.jpg\n")
    let dump = try ground.coffer("find", "shop", "--archive", "latest", "--short").output
    #expect(dump == "coffer/sqlite_databases/localhost/shop\n")
    let chosen = try ground.coffer("list", "--find", "photo", "--exclude", "*/cache", "--short").output
    #expect(chosen == "\(files)/deep/photo.jpg\n")
    let below = try ground.coffer("find", "photo", "hosts", "--path", files + "/hosts", "--short").output
    #expect(below == "\(files)/hosts\n")
    #expect(try ground.coffer("find").errors.contains("what to look for"))
    #expect(try ground.coffer("find", "re:(").errors.contains("regular expression"))
  }

  @Test("A path that nothing is at is an error, and what else was named is written all the same")
  func missingPaths() throws {
    let paths = ["--path", "sh:**/*.jpg", "--path", "nowhere", "--path", "sh:*.nothing"]
    let extracted = try ground.coffer(["extract", "--archive", "latest", "--destination", "out"] + paths)
    #expect(extracted.status == .exited(1), "\(extracted.errors)")
    for path in ["nowhere", "sh:*.nothing"] { #expect(extracted.errors.contains("\(path): Archive ")) }
    #expect(!extracted.errors.contains("jpg: Archive"))
    let whole = try ground.coffer("extract", "--archive", "latest", "--destination", "alone", "--path", "sh:**/*.jpg")
    #expect(whole.status == .exited(0), "\(whole.errors)")
    #expect(try ground.run("diff", "-r", "out", "alone") == "")
    let dry = try ground.coffer(["extract", "--archive", "latest", "--destination", "none", "--dry-run"] + paths)
    #expect(dry.status == .exited(1) && dry.errors.contains("nowhere: Archive "))
    let tar = try ground.coffer(["export-tar", "--archive", "latest", "--destination", "out.tar"] + paths)
    #expect(tar.status == .exited(1) && tar.errors.contains("nowhere: Archive "), "\(tar.errors)")
    #expect(try ground.run("tar", "-tf", "out.tar").contains(".jpg"))
  }

  @Test("extract and list take patterns, and leave out what others match")
  func patterns() throws {
    let run = try ground.coffer(
      "extract", "--archive", "latest", "--path", "sh:**/*.jpg", "--exclude", "*/cache", "--destination", "out")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try ground.run("sh", "-c", "find out -type f") == "out/\(files)/deep/photo.jpg\n")
    let kept = try ground.coffer(
      "list", "--archive", "latest", "--short", "--path", files, "--pattern", "+ **/cache/*.jpg", "--pattern",
      "- **/*.jpg")
    #expect(kept.output.hasSuffix("deep/cache/photo.jpg\n\(files)/hosts\n") && !kept.output.contains("deep/photo"))
    let none = try ground.coffer("extract", "--archive", "latest", "--path", "sh:nothing/*", "--destination", "none")
    #expect(none.status == .exited(1) && none.errors.contains("holds nothing"), "\(none.errors)")
    let wrong = try ground.coffer("extract", "--archive", "latest", "--path", "re:(", "--destination", "none")
    #expect(wrong.status == .exited(1) && wrong.errors.contains("regular expression"), "\(wrong.errors)")
  }

  @Test("export-tar writes a file or to a pipe, through a filter or not, with dumps or without")
  func export() throws {
    let written = try ground.coffer("export-tar", "latest", "all.tar.gz", "--list")
    #expect(written.status == .exited(0) && written.errors.isEmpty, "\(written.errors)")
    #expect(try ground.run("sh", "-c", "gzip -t all.tar.gz && stat -c %a all.tar.gz") == "600\n")
    let inside = try ground.run("tar", "-tf", "all.tar.gz")
    #expect(
      inside.split(separator: "\n").map { $0.hasSuffix("/") ? $0.dropLast() : $0 }
        == written.output.split(separator: "\n"))
    let dump = "databases/sqlite_databases/localhost/shop"
    #expect(inside.contains(dump + "\n") && inside.contains("\(files)/hosts\n"))
    try ground.run(
      "sh", "-c",
      "tar -xzOf all.tar.gz \(dump) > tarred && \"\(ground.binary)\" -c config.yaml dump --archive latest --database shop > dumped"
    )
    try ground.run("cmp", "tarred", "dumped")
    let piped = try ground.run(
      "sh", "-c",
      "\"\(ground.binary)\" -c config.yaml export-tar latest - --without-dumps --exclude '*/cache' --strip-components 2 --list "
        + "2>listed | tar -tf - | grep -v /$")
    let paths = ["files/deep/photo.jpg", "files/hosts"]
    #expect(paths.allSatisfy { piped.contains($0) } && !piped.contains("cache") && !piped.contains("databases"))
    #expect(try ground.run("cat", "listed").contains("files/hosts"))
    try ground.run(
      "sh", "-c",
      "\"\(ground.binary)\" -c config.yaml export-tar --archive latest --destination - --tar-filter 'tr a-z A-Z' "
        + "--path databases | grep -q CREATE")
    let there = try ground.coffer("export-tar", "latest", "all.tar.gz")
    #expect(there.status == .exited(1) && there.errors.contains("there already"), "\(there.errors)")
    for filter in ["false", "no-such-program"] {
      let failed = try ground.coffer("export-tar", "latest", "failed.tar", "--tar-filter", filter)
      #expect(failed.status == .exited(1) && failed.errors.contains("--tar-filter"), "\(failed.errors)")
    }
    let dry = try ground.coffer("export-tar", "latest", "dry.tar", "--dry-run")
    #expect(dry.status == .exited(0) && dry.output.contains("Would write"), "\(dry.errors)")
    for (arguments, sign) in [
      (["--strip-components", "99"], "--strip-components"),
      (["--path", "databases", "--without-dumps"], "--without-dumps"),
      (["--exclude", "*"], "--exclude"),
    ] {
      let empty = try ground.coffer(["export-tar", "latest", "empty.tar"] + arguments)
      #expect(empty.status == .exited(1) && empty.errors.contains(sign), "\(empty.errors)")
    }
    // What only dumps are at is not at the path.
    let unmet = try ground.coffer(
      "export-tar", "latest", "unmet", "--without-dumps", "--path", "databases", "--path", files + "/deep")
    #expect(unmet.status == .exited(1) && unmet.errors.contains("databases: Archive"), "\(unmet)")
    let stripped = try ground.coffer(
      "export-tar", "latest", "stripped", "--path", files + "/deep", "--strip-components", "all", "--verbosity", "1")
    #expect("\(stripped)".contains("Wrote 2 items") && stripped.errors.contains("photo.jpg: Several"), "\(stripped)")
    let left = try FileManager.default.contentsOfDirectory(atPath: ground.folder).filter { $0.contains(".tar") }
    #expect(left == ["all.tar.gz"])
  }
}
