import Foundation
import Testing

@Suite("Files and folders, with the built program")
struct FilesTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.run("sqlite3", "app.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    for name in ["kept/a.txt", "kept/a.pyc", "kept/.cache/x", "kept/skip/y", "kept/skip/keep/z", "other/.nobackup"] {
      try ground.write("files/\(name)", name)
    }
    try ground.write("patterns", "R \(ground.folder)/files\n+ **/keep\n- **/skip\n")
  }

  private func configure(_ more: String = "") throws {
    try ground.configure(
      """
      working_directory: \(ground.folder)
      source_directories: [config.yaml]
      patterns_from: [patterns]
      exclude_patterns: ['*.pyc', '*/.cache/', 'coffer/*', '*config.yaml']
      exclude_if_present: [.nobackup]
      numeric_ids: true
      sqlite_databases:
        - name: app
          path: \(ground.folder)/app.db
      \(more)

      """)
    try ground.coffer("repo-create", "--encryption", "repokey")
  }

  private func paths() throws -> [String] {
    let items = try ground.coffer("list", "--archive", "latest", "--json").json.first?["items"] as? [[String: Any]]
    return try #require(items).compactMap { $0["path"] as? String }.sorted()
  }

  @Test("Patterns and excludes decide about files, but never about dumps and the configuration")
  func patterns() throws {
    try configure()
    let create = try ground.coffer("create")
    #expect(create.status == .exited(0) && create.errors.isEmpty, "\(create.errors)")
    let files = ["", "/kept", "/kept/.cache", "/kept/a.txt", "/kept/skip/keep", "/kept/skip/keep/z"]
    let below = ground.folder.dropFirst()
    #expect(
      try paths().filter { $0.hasPrefix(below) } == ["\(below)/config.yaml"] + files.map { "\(below)/files\($0)" })
    #expect(try paths().contains("coffer/sqlite_databases/localhost/app"))
  }

  @Test("A missing source keeps the backup from being made, unless it may be missing")
  func missing() throws {
    try configure()
    try ground.run("rm", "-r", "files")
    let strict = try ground.coffer("create")
    #expect(strict.status == .exited(1) && strict.errors.contains("There is no such file or folder to back up"))
    #expect(try ground.archives().isEmpty)
    try configure("source_directories_must_exist: false")
    let lenient = try ground.coffer("create")
    #expect(lenient.status == .exited(0) && lenient.errors.contains("This source is missing"), "\(lenient.errors)")
    #expect(try ground.archives().count == 1)
  }

  @Test("A file that cannot be read keeps the archive from being made, and is named")
  func unreadable() throws {
    // Reading this one fails for anybody, root included.
    try ground.configure("source_directories: [files, /proc/self/mem]\nworking_directory: \(ground.folder)\n")
    try ground.coffer("repo-create", "--encryption", "repokey")
    let create = try ground.coffer("create")
    #expect(create.status == .exited(1) && create.errors.contains("/proc/self/mem: read failed"), "\(create.errors)")
    #expect(try ground.archives().isEmpty)
  }

  @Test("Options about what Coffer does not keep are told in a warning, and nothing special is read")
  func ignored() throws {
    try configure("read_special: true\nctime: true\n")
    try ground.run("mkfifo", "files/pipe")
    let create = try ground.coffer("create", "-v", "1")
    #expect(create.status == .exited(0))
    #expect(
      create.errors.contains("read_special: Devices, FIFOs and sockets are kept as what they are, and never read"))
    #expect(create.errors.contains("ctime: No system lets this time be set, so it is not kept"))
    #expect(try paths().contains("\(ground.folder.dropFirst())/files/pipe"))
  }

  @Test("A source above the repository and the run's own folder takes neither along")
  func everything() throws {
    try ground.configure("source_directories: [\(ground.folder)]\n")
    try ground.coffer("repo-create", "--encryption", "repokey")
    let create = try ground.coffer("create")
    #expect(create.status == .exited(0), "\(create.errors)")
    let below = ground.folder.dropFirst() + "/"
    let own = try paths().filter { $0.hasPrefix("\(below)repository") || $0.hasPrefix("\(below)run/") }
    #expect(own.isEmpty, "\(own)")
    #expect(try paths().contains("\(below)files/kept/.cache/x"))
    #expect(try paths().count { $0 == "\(below)config.yaml" } == 1)
  }
}
