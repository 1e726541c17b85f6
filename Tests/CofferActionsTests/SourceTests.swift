import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

/// A folder of files that is gone after the test.
final class Tree {
  let path: String

  init() throws {
    var template = Array("\(NSTemporaryDirectory())coffer-tree-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&template))
    let made = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // What the system's temporary folder is a link to is of no interest here.
    path = try #require(realpath(made, nil).map { String(cString: $0) })
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Makes files with the folders above them.
  func add(_ names: String..., content: String = "content") throws {
    for name in names {
      let file = "\(path)/\(name)"
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try content.write(toFile: file, atomically: false, encoding: .utf8)
    }
  }

  /// Sets the file flag `d`.
  static func setNoDump(_ path: String) -> Bool {
    let number = open(path, O_RDONLY)
    defer { close(number) }
    var flags = 0x40
    // FS_IOC_SETFLAGS of linux/fs.h.
    return ioctl(number, UInt(0x4008_6602), &flags) == 0
  }

  /// Whether the file system that trees are made on has file flags; not all have.
  static var knowsFlags: Bool {
    guard let tree = try? Tree(), (try? tree.add("file")) != nil else { return false }
    return setNoDump("\(tree.path)/file")
  }

  /// The sources of a configuration whose paths begin here.
  func sources(_ yaml: String, repositories: [String] = []) throws -> SourceSelection {
    let text = "repositories:\n  - path: /r\n" + yaml.replacing("TREE", with: path)
    let reader = FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil })
    let root = try ConfigurationLoader(
      files: reader, environment: ProcessEnvironment([:]), currentFolder: "/", options: .standard
    )
    .load("/c.yaml").root
    return try SourceSelection(root, folder: path, home: path, repositories: repositories)
  }

  /// What is found, in order: items with what is below the tree, other things with what was said.
  ///
  /// - Parameter meanwhile: Called after each.
  func found(
    _ sources: SourceSelection, meanwhile: @escaping (String) throws -> Void = { _ in }
  ) throws -> [String] {
    var found: [String] = []
    let prefix = path.dropFirst() + "/"
    let roots = Set(sources.roots.map { ItemPath(bytes: $0.archivePath) })
    let walker = SourceWalker(rules: sources.rules, roots: roots) { event in
      func short(_ text: String) -> String { text.replacing(prefix, with: "").replacing(prefix.dropLast(), with: ".") }
      switch event {
      case .item(_, let place): found.append(short(place.text))
      case .own(let path): found.append("own: \(short(path))")
      case .mount(let path): found.append("mount: \(short(path))")
      case .vanished(let path): found.append("vanished: \(short(path))")
      case .failed(let error): found.append("failed: \(short(error.subject))")
      case .undecided(let error): found.append("undecided: \(error.diagnosis.subject)")
      }
      try meanwhile(found.last ?? "")
    }
    for root in sources.roots { try walker.walk(root) }
    return found
  }

  func found(_ yaml: String) throws -> [String] {
    try found(try sources(yaml))
  }
}

@Suite("Sources")
struct SourceTests {
  private let tree: Tree

  init() throws {
    tree = try Tree()
  }

  @Test("A name that makes an expression take too many steps is backed up, and so is everything else")
  func undecided() throws {
    let name = String(repeating: "a", count: 60) + "b"
    try tree.add("s/\(name)", "s/c")
    let found = try tree.found("source_directories: [TREE/s]\npatterns: ['- re:(a+)+$']\n")
    #expect(found.contains("undecided: pattern 're:(a+)+$'") && found.contains("s/\(name)"), "\(found)")
    #expect(found.last == "s/c")
  }

  // MARK: - Roots

  private func roots(_ text: String) -> [String] {
    SourceRoot.find(text, from: tree.path, home: tree.path).map { root in
      "\(root.text.replacing(tree.path, with: "TREE")) as \(ItemPath(bytes: root.archivePath).text)"
    }
  }

  @Test("A path from the root on is kept as a whole, one from the working folder on as it is written")
  func paths() {
    #expect(roots("/etc//./ssh/") == ["/etc/ssh as ssh"])
    #expect(roots("/etc//ssh/") == ["/etc/ssh as etc/ssh"])
    #expect(roots("/") == ["/ as "])
    #expect(roots("data/x") == ["TREE/data/x as data/x"])
    #expect(roots(".") == ["TREE as "])
    #expect(roots("../x") == ["TREE/../x as x"])
    #expect(roots("/mnt/snap/./home/user") == ["/mnt/snap/home/user as home/user"])
    #expect(roots("a/./b/c") == ["TREE/a/b/c as b/c"])
  }

  @Test("~ is the user's home, ~name somebody else's")
  func home() {
    let whole = tree.path.dropFirst()
    #expect(roots("~/docs") == ["TREE/docs as \(whole)/docs"])
    #expect(roots("~") == ["TREE as \(whole)"])
    #expect(roots("~root/x") == ["/root/x as root/x"])
    #expect(roots("~nobody-of-this-name/x") == ["TREE/~nobody-of-this-name/x as ~nobody-of-this-name/x"])
  }

  @Test("Wildcards stand for what there is, in order and without hidden names, or else for themselves")
  func globs() throws {
    try tree.add("b/one", "a/one", ".hidden/one", "c/two", "a[1]/x")
    #expect(roots("*/one") == ["TREE/a/one as a/one", "TREE/b/one as b/one"])
    #expect(roots("?/./[ot]*") == ["TREE/a/one as one", "TREE/b/one as one", "TREE/c/two as two"])
    #expect(roots("nothing*") == ["TREE/nothing* as nothing*"])
  }

  @Test("A source that is missing is an error that names all of them, or a warning")
  func missing() throws {
    try tree.add("here")
    let yaml = "source_directories: [TREE/here, TREE/gone, 'TREE/no*']\npatterns: ['R TREE/lost']\n"
    #expect { try tree.sources(yaml) } throws: { error in
      (error as? SourceSelection.Missing)?.paths == ["gone", "no*", "lost"].map { "\(tree.path)/\($0)" }
    }
    let lenient = try tree.sources(yaml + "source_directories_must_exist: false\n")
    #expect(lenient.roots.map(\.text) == ["\(tree.path)/here"])
    #expect(lenient.warnings.count == 3 && lenient.warnings[0].contains("gone: This source is missing"))
  }

  @Test("A source that is a link is backed up as a link, with a warning")
  func linkedRoot() throws {
    try tree.add("real/file")
    symlink("\(tree.path)/real", "\(tree.path)/link")
    let sources = try tree.sources("source_directories: [TREE/link]\n")
    #expect(sources.warnings.first?.contains("This source is a link") == true)
    #expect(try tree.found(sources) == ["link"])
  }

  // MARK: - What is found

  @Test("Folders come before what is in them, and special files are found as what they are")
  func plain() throws {
    try tree.add("s/b/file", "s/a", "s/.hidden")
    symlink("nowhere", "\(tree.path)/s/link")
    mkfifo("\(tree.path)/s/pipe", 0o600)
    #expect(
      try tree.found("source_directories: [TREE/s]\n") == [
        "s", "s/.hidden", "s/a", "s/b", "s/b/file", "s/link", "s/pipe",
      ])
    #expect(try tree.found("source_directories: [TREE/s]\nexclude_patterns: ['*/pipe', '*/b']\n").count == 4)
  }

  @Test("Of an excluded folder what is included below is found; below ! nothing is")
  func recursion() throws {
    try tree.add("s/skip/keep/file", "s/skip/other", "s/none/keep/file")
    let patterns = "patterns: ['+ **/keep', '- **/skip', '! **/none']\nsource_directories: [TREE/s]\n"
    #expect(try tree.found(patterns) == ["s", "s/skip/keep", "s/skip/keep/file"])
  }

  @Test("Patterns and excludes are read from files too, patterns first, each kind in its order")
  func files() throws {
    try tree.add("s/a.o", "s/b.o", "s/c.o", "s/d.o")
    let files = FileReader(
      read: { (path) throws(SystemError) in
        switch path {
        case "/w/patterns": return Array("R s\n+ **/b.o\n# no\n".utf8)
        case "/w/excludes": return Array("*.o\n".utf8)
        default: throw SystemError(call: "open", subject: path, code: ENOENT)
        }
      }, entries: { _ in nil })
    func selection(_ yaml: String) throws -> SourceSelection {
      let text = "repositories:\n  - path: /r\n" + yaml
      let reader = FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil })
      let root = try ConfigurationLoader(
        files: reader, environment: ProcessEnvironment([:]), currentFolder: "/", options: .standard
      )
      .load("/c.yaml").root
      return try SourceSelection(root, folder: "/w", home: nil, files: files)
    }
    let yaml =
      "patterns_from: [patterns]\nexclude_from: [/w/excludes]\npatterns: ['+ **/a.o']\nexclude_patterns: ['*/c.o']\n"
    let rules = try selection(yaml + "source_directories_must_exist: false\n").rules
    let verdicts = try ["s/a.o", "s/b.o", "s/c.o", "s/d.o"].map {
      try rules.patterns.verdict(on: ItemPath($0)).isIncluded
    }
    #expect(verdicts == [true, true, false, false])
    #expect { try selection("exclude_from: [gone]\n") } throws: { "\($0)".contains("exclude_from: /w/gone") }
  }

  @Test("A cache's folder is left out if its mark says what it has to say, or kept with just the mark")
  func caches() throws {
    let mark = "Signature: 8a477f597d28d172789f06886806bc55\n# more\n"
    try tree.add("s/cache/CACHEDIR.TAG", content: mark)
    try tree.add("s/cache/data", "s/other/CACHEDIR.TAG", "s/other/data")
    let yaml = "source_directories: [TREE/s]\nexclude_caches: true\n"
    #expect(try tree.found(yaml) == ["s", "s/other", "s/other/CACHEDIR.TAG", "s/other/data"])
    let kept = try tree.found(yaml + "keep_exclude_tags: true\n")
    #expect(kept == ["s", "s/cache", "s/cache/CACHEDIR.TAG"] + ["s/other", "s/other/CACHEDIR.TAG", "s/other/data"])
    #expect(try tree.found("source_directories: [TREE/s]\n").count == 7)
  }

  @Test("A folder that holds one of the names is left out, or kept with just the marks")
  func marks() throws {
    try tree.add("s/a/.nobackup", "s/a/data", "s/b/.git/config", "s/b/data", "s/c/data")
    let yaml = "source_directories: [TREE/s]\nexclude_if_present: [.nobackup, .git]\n"
    #expect(try tree.found(yaml) == ["s", "s/c", "s/c/data"])
    #expect(
      try tree.found(yaml + "keep_exclude_tags: true\n") == [
        "s", "s/a", "s/a/.nobackup", "s/b", "s/b/.git", "s/b/.git/config", "s/c", "s/c/data",
      ])
  }

  @Test("What has the file flag 'd' is left out when that is asked for", .enabled(if: Tree.knowsFlags))
  func noDump() throws {
    try tree.add("s/file", "s/folder/inner", "s/kept")
    #expect(Tree.setNoDump("\(tree.path)/s/file") && Tree.setNoDump("\(tree.path)/s/folder"))
    let yaml = "source_directories: [TREE/s]\n"
    #expect(try tree.found(yaml + "exclude_nodump: true\n") == ["s", "s/kept"])
    #expect(try tree.found(yaml).count == 5)
  }

  @Test("A root below another is found once, also where the one above leaves it out")
  func nestedRoots() throws {
    try tree.add("s/a/file", "s/.marked/mark", "s/.marked/keep/file")
    let yaml = "source_directories: [TREE/s, TREE/s/a, TREE/s/.marked/keep, TREE/s/a]\nexclude_if_present: [mark]\n"
    #expect(try tree.found(yaml) == ["s", "s/a", "s/a/file", "s/.marked/keep", "s/.marked/keep/file"])
  }

  @Test("Repositories and the folders of runs are left out")
  func own() throws {
    try tree.add("s/repository/packs/x", "s/coffer-ab/owner", "s/coffer-0123456789abcdef/owner")
    var run: RuntimeDirectory? = try RuntimeDirectory(base: "\(tree.path)/s")
    let name = try #require(run?.path.split(separator: "/").last)
    let sources = try tree.sources("source_directories: [TREE/s]\n", repositories: ["\(tree.path)/s/repository"])
    let alike = ["s/coffer-0123456789abcdef", "s/coffer-0123456789abcdef/owner", "s/coffer-ab", "s/coffer-ab/owner"]
    #expect(
      Set(try tree.found(sources)) == Set(["s", "own: /s/\(name)", "own: /s/repository"] + alike))
    run = nil
  }

  @Test("What vanishes while the backup runs is told as such")
  func vanishing() throws {
    try tree.add("s/a", "s/b", "s/c/file", "s/d")
    let sources = try tree.sources("source_directories: [TREE/s]\n")
    let found = try tree.found(sources) { [tree] name in
      if name == "s/a" { try FileManager.default.removeItem(atPath: "\(tree.path)/s/b") }
      if name == "s/c" { try FileManager.default.removeItem(atPath: "\(tree.path)/s/c") }
    }
    #expect(found == ["s", "s/a", "vanished: /s/b", "s/c", "vanished: /s/c", "s/d"])
    #expect { try FoundFile(Array("\(tree.path)/s/b".utf8)).content() } throws: {
      ($0 as? SystemError)?.isVanishing == true
    }
    #expect(SystemError(call: "open", subject: "x", code: ELOOP).isVanishing)
    #expect(!SystemError(call: "open", subject: "x", code: EACCES).isVanishing)
  }

  @Test("A file that is written to while it is read is noticed; a folder in its place is as if it had vanished")
  func changes() throws {
    try tree.add("file", "folder/x")
    let source = try FoundFile(Array("\(tree.path)/file".utf8)).content()
    #expect(!source.hasChanged && source.isUntouched)
    chmod("\(tree.path)/file", 0o604)
    #expect(!source.hasChanged && !source.isUntouched)
    try tree.add("file", content: "something longer")
    #expect(source.hasChanged)
    #expect { try FoundFile(Array("\(tree.path)/folder".utf8)).content() } throws: {
      ($0 as? SystemError)?.isVanishing == true
    }
  }

  @Test("With one_file_system a folder that another is mounted on is kept, but not what is in it")
  func oneFileSystem() throws {
    // The kernel mounts these two everywhere, one below the other's root.
    let yaml = "source_directories: [/]\npatterns: ['- pf:proc/self', '+ pf:proc', '! re:^(?!proc$)']\n"
    #expect(try tree.found(yaml + "one_file_system: true\n") == ["proc"])
  }

  @Test("A mounted archive is told of and not looked into; another file system that has its number since is backed up")
  func mountedArchive() throws {
    let yaml = "source_directories: [/]\npatterns: ['- pf:proc/self', '+ pf:proc', '! re:^(?!proc$)']\n"
    let sources = try tree.sources(yaml)
    var facts = stat()
    #expect(lstat("/proc", &facts) == 0)
    // As gnu_dev_major(3) and gnu_dev_minor(3) take it apart.
    let (major, minor) = (facts.st_dev >> 8 & 0xfff, facts.st_dev & 0xff | facts.st_dev >> 12 & 0xffff_ff00)
    for (later, expected) in [("fuse.coffer", "mount: /proc"), ("proc", "proc")] {
      let kinds = Monitor(["fuse.coffer", later])
      var rules = sources.rules
      rules.mounts = FuseMounts {
        let kind = kinds.update { $0.count > 1 ? $0.removeFirst() : $0[0] }
        return "91 28 \(major):\(minor) / /proc rw - \(kind) coffer rw"
      }
      var found: [String] = []
      let walker = SourceWalker(rules: rules, roots: []) { event in
        switch event {
        case .item(_, let place): found.append(place.text)
        case .mount(let path): found.append("mount: \(path)")
        default: found.append("\(event)")
        }
      }
      try walker.walk(sources.roots[0])
      #expect(found == [expected])
    }
  }

  @Test("A folder that becomes a link on the way is not looked into, and what was opened stays what is read")
  func swapped() throws {
    try tree.add("s/a", "s/b/file", "secret/file")
    let sources = try tree.sources("source_directories: [TREE/s]\n")
    let (inner, secret) = ("\(tree.path)/s/b", "\(tree.path)/secret")
    var contents: [String] = []
    let walker = SourceWalker(rules: sources.rules, roots: []) { event in
      guard case .item(let found, let place) = event else { return contents.append("\(event)") }
      if place.text.hasSuffix("s/b") {
        try FileManager.default.moveItem(atPath: inner, toPath: inner + ".away")
        symlink(secret, inner)
        try self.tree.add("secret/file", content: "secret")
      }
      guard found.kind == .file else { return }
      let source = try found.content()
      var buffer = [UInt8](repeating: 0, count: 64)
      let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
      contents.append(String(decoding: buffer[..<count], as: UTF8.self))
    }
    try walker.walk(sources.roots[0])
    #expect(contents == ["content", "content"])
  }

  @Test("A file that becomes a link before it is read has vanished")
  func linkedFile() throws {
    try tree.add("file", "secret")
    let found = try FoundFile(Array("\(tree.path)/file".utf8))
    unlink("\(tree.path)/file")
    symlink("secret", "\(tree.path)/file")
    #expect { try found.content() } throws: { ($0 as? SystemError)?.isVanishing == true }
  }

  @Test("Folders deeper than any path may be long, and than files may be open, are found to the end")
  func deep() throws {
    let depth = 700
    var folder = try Folder(opening: tree.path).makeFolder("s")
    for _ in 0..<depth { folder = try folder.makeFolder("folder") }
    try folder.replace("file", with: [1])
    try tree.add("s/zzz")
    let found = try tree.found("source_directories: [TREE/s]\n")
    #expect(found.count == depth + 3)
    #expect(found.last == "s/zzz")
    #expect(found[depth + 1] == "s" + String(repeating: "/folder", count: depth) + "/file")
    // The system's own functions stumble over such paths.
    for _ in 0..<depth {
      try folder.removeTree("file")
      folder = try folder.parent()
      try folder.removeTree("folder")
    }
  }
}
