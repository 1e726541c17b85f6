import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Finding configuration files")
struct FindingTests {
  private let reader = FileReader(
    read: { (path) throws(SystemError) in
      guard ["/etc/coffer/config.yaml", "/d/a.yaml", "/d/b.yml"].contains(path) else {
        throw SystemError(call: "open", subject: path, code: ENOENT)
      }
      return []
    },
    entries: { $0 == "/d" ? ["b.yml", "a.yaml", "notes.txt"] : nil })

  @Test("Named files must exist; of folders the YAML files count, in order")
  func named() throws {
    let loader = ConfigurationLoader(files: reader, environment: ProcessEnvironment([:]), currentFolder: "/")
    #expect(try loader.find(named: ["/d"]).paths == ["/d/a.yaml", "/d/b.yml"])
    #expect(try loader.find(named: ["d/a.yaml"]).paths == ["/d/a.yaml"])
    #expect(try loader.find(named: []) == .init(paths: ["/etc/coffer/config.yaml"], isBorgmatic: false))
    #expect(throws: ConfigurationError.self) { try loader.find(named: ["/missing.yaml"]) }
  }

  @Test("A name that is empty, as a variable that is not set, does not stand for the current folder")
  func emptyName() throws {
    let loader = ConfigurationLoader(files: reader, environment: ProcessEnvironment([:]), currentFolder: "/d")
    for named in [[""], ["/d", ""]] {
      let error = #expect(throws: ConfigurationError.self) { try loader.find(named: named) }
      #expect(error?.diagnosis.subject == "--config ''")
    }
  }

  /// Files of the usual places by what reading them fails with; 0 for those that can be read.
  private func loader(_ codes: [String: Int32]) -> ConfigurationLoader {
    let files = FileReader(
      read: { (path) throws(SystemError) in
        let code = codes[path] ?? ENOENT
        guard code == 0 else { throw SystemError(call: "open", subject: path, code: code) }
        return []
      }, entries: { _ in nil })
    return ConfigurationLoader(
      files: files, environment: ProcessEnvironment(["HOME": "/home/a"]), currentFolder: "/")
  }

  @Test("A usual place that cannot be read is told of: beside a user's own files, and in place of borgmatic's")
  func unreadablePlaces() throws {
    let root = "/etc/coffer/config.yaml"
    let own = "/home/a/.config/coffer/config.yaml"
    let refused = ConfigurationError.unreadable(
      path: root, cause: SystemError(call: "open", subject: root, code: EACCES))
    #expect(
      try loader([root: EACCES, own: 0]).find(named: [])
        == .init(paths: [own], isBorgmatic: false, unreadable: [refused]))
    #expect(throws: refused) {
      try loader([root: EACCES, "/etc/borgmatic/config.yaml": 0]).find(named: [])
    }
    let broken = ConfigurationError.unreadable(path: root, cause: SystemError(call: "open", subject: root, code: EIO))
    #expect(throws: broken) { try loader([root: EIO, own: 0]).find(named: []) }
    #expect(try loader([root: ENOTDIR, own: 0]).find(named: []) == .init(paths: [own], isBorgmatic: false))
  }
}
