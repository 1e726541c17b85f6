import CofferRepository
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("Differences between long lists, and files that are compared by chance")
struct DifferenceTests {
  private let ground: ProgramGround
  private let tree: Tree

  init() throws {
    ground = try ProgramGround("difference", remembersKeys: true)
    tree = try Tree()
    for number in 0..<40 { try tree.add("a/\(number)", "b/\(number)") }
    try tree.add("b/é", "b/e\u{301}")
  }

  private func create(_ name: String, sources: [String]) throws {
    try ground.write(
      "config.yaml",
      """
      repositories: [{path: \(ground.folder)/repository}]
      source_directories: [\(sources.map { "\(tree.path)/\($0)" }.joined(separator: ", "))]
      archive_name_format: \(name)
      bootstrap: {store_config_files: false}
      user_runtime_directory: \(ground.folder)/runtime
      encryption_passphrase: correct horse
      """)
    if name == "first" { try coffer("repo-create", "--encryption", "repokey") }
    try coffer("create")
  }

  @discardableResult
  private func coffer(_ words: String...) throws -> String {
    let outcome = try ground.coffer(words)
    #expect(outcome.code == 0, "\(words): \(outcome.said)")
    return outcome.said
  }

  @Test("What stands elsewhere in the list is found; the rest is told in the order of the later archive")
  func order() throws {
    defer { ground.remove() }
    try create("first", sources: ["a", "b"])
    try create("second", sources: ["b", "a"])
    #expect(try coffer("diff", "first", "second").contains("hold the same"))
    for name in ["a/7", "b/é"] { try FileManager.default.removeItem(atPath: "\(tree.path)/\(name)") }
    try tree.add("a/new", "b/3", content: "changed")
    try create("third", sources: ["b", "a"])
    let said = try coffer("diff", "first", "third")
    let prefix = tree.path.dropFirst()
    let rows = said.split(separator: "\n").filter { $0.contains(prefix) }.map { row in
      (String(row.prefix { $0 != " " }), String(row.split(separator: prefix).last ?? ""))
    }
    #expect(rows.map(\.0) == ["modified", "added", "removed", "removed"], "\(said)")
    let paths = rows.map { Array($0.1.utf8) }
    #expect(paths == ["/b/3", "/a/new", "/a/7", "/b/é"].map { Array($0.utf8) }, "\(said)")
  }

  @Test("Files of sources are found by their places, and each place leads back to its path")
  func sources() throws {
    defer { ground.remove() }
    let roots = [
      SourceRoot(path: Array("/".utf8), archivePath: []),
      SourceRoot(path: Array("/x/y".utf8), archivePath: Array("y".utf8)),
      SourceRoot(path: Array("/one".utf8), archivePath: Array("one".utf8)),
    ]
    let found = [["etc/b", "etc/a", "etc-a"], ["y/z", "y/b"], ["one"]]
    let paths = ["/etc/b", "/etc/a", "/etc-a", "/x/y/z", "/x/y/b", "/one"]
    var sources = SpotSources()
    for (root, places) in zip(roots, found) {
      sources.begin(root)
      for place in places { sources.add(ItemPath(place)) }
    }
    sources.sort()
    for (number, place) in found.flatMap({ $0 }).enumerated() {
      #expect(sources.number(at: ItemPath(place)) == number)
      #expect(sources.place(of: number) == ItemPath(place))
      #expect(String(decoding: sources.path(of: number), as: UTF8.self) == paths[number])
    }
    #expect(sources.number(at: ItemPath("etc")) == nil && sources.number(at: ItemPath("z")) == nil)
    let half = try sources.sample(ofPercent: 50, .system)
    #expect(half.count == 3 && Set(half).count == 3 && half.allSatisfy { (0..<6).contains($0) })
    #expect(try sources.sample(ofPercent: 0, .system).count == 1)
    #expect(try sources.sample(ofPercent: 100, .system).sorted() == Array(0..<6))
  }
}
