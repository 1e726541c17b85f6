import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("Runtime directory")
struct RuntimeDirectoryTests {
  private func base(_ configured: String?, _ variables: [String: String]) throws -> String {
    try RuntimeDirectory.base(configured: configured, environment: ProcessEnvironment(variables))
  }

  @Test("The first place that is set is taken")
  func order() throws {
    var variables = [
      "XDG_RUNTIME_DIR": "/xdg", "RUNTIME_DIRECTORY": "/systemd:/other", "TMPDIR": "/tmpdir", "TEMP": "/temp",
    ]
    #expect(try base("/configured", variables) == "/configured")
    for (name, expected) in [
      ("XDG_RUNTIME_DIR", "/xdg"), ("RUNTIME_DIRECTORY", "/systemd"), ("TMPDIR", "/tmpdir"), ("TEMP", "/temp"),
    ] {
      #expect(try base(nil, variables) == expected)
      variables[name] = nil
    }
    #expect(try base(nil, variables) == "/tmp")
    #expect(throws: RuntimeDirectory.Failure.notAbsolute(path: "run", source: "TMPDIR")) {
      try base(nil, ["TMPDIR": "run"])
    }
  }

  @Test("Each run has a folder of its own that nobody else may enter, and takes only that away")
  func privacy() throws {
    let one = try RuntimeDirectory(base: NSTemporaryDirectory() + "coffer-base")
    let two = try RuntimeDirectory(base: NSTemporaryDirectory() + "coffer-base")
    #expect(one.path != two.path)
    let fifo = try one.makeFIFO("postgresql_databases/localhost:5432/a b")
    var facts = stat()
    #expect(lstat(fifo, &facts) == 0 && facts.st_mode == S_IFIFO | 0o600)
    for folder in [one.path, one.path + "/postgresql_databases", one.path + "/postgresql_databases/localhost:5432"] {
      #expect(lstat(folder, &facts) == 0 && facts.st_mode == S_IFDIR | 0o700)
    }
    one.remove()
    #expect(!FileManager.default.fileExists(atPath: one.path))
    #expect(FileManager.default.fileExists(atPath: two.path))
  }

  @Test("Dumps are placed as borgmatic places them: the port only if configured, the label instead of all")
  func places() {
    func path(_ host: String?, _ port: Int?, _ label: String?) -> String {
      DumpIdentity(hook: "postgresql_databases", database: "users", hostname: host, port: port, label: label).path
    }
    #expect(path(nil, nil, nil) == "postgresql_databases/localhost/users")
    #expect(path(nil, 5433, nil) == "postgresql_databases/localhost:5433/users")
    #expect(path("db1.example.org", nil, nil) == "postgresql_databases/db1.example.org/users")
    #expect(path("db1", 5432, "shop") == "postgresql_databases/shop/users")
  }
}
