import CofferSystem
import FoundationEssentials
import Glibc

/// Debian's programs of PostgreSQL's names are links to one wrapper (pg_wrapper(1)), which chooses a cluster and the version
/// of the program. It takes as long to start as a small database takes to be dumped, so where its choice is known without it,
/// what it would run is run at once.
extension PostgreSQLInstallations {
  /// Where the host is given by name, and neither PGCLUSTER nor an option says which cluster is meant, the wrapper chooses
  /// the newest version of the program and looks at nothing else.
  ///
  /// - Parameters:
  ///   - command: A program by its usual name.
  ///   - namesHost: Whether its arguments name the host.
  /// - Returns: The command as it was, or with the file that the wrapper would run, in the environment that it would run in.
  func passingWrapper(_ command: ChildCommand, namesHost: Bool) -> ChildCommand {
    let variables = command.environment
    guard namesHost || variables["PGHOST"] != nil, variables["PGCLUSTER"] == nil,
      !command.arguments.contains(where: { $0.begins(with: "--cluster") }),
      let path = Self.usual(command.executable, variables),
      let root = roots.first(where: { $0.wrapper.flatMap(Self.real) == path }),
      let file = Self.newest(command.executable, in: root)
    else { return command }
    var passing = command
    passing.file = file
    // Where it has services looked for.
    if variables["PGSYSCONFDIR"] == nil { passing.environment.variables["PGSYSCONFDIR"] = "/etc/postgresql-common" }
    return passing
  }

  /// What a name on the PATH leads to in the end.
  private static func usual(_ name: String, _ variables: ProcessEnvironment) -> String? {
    let folders = (variables["PATH"] ?? "").parts(by: ":", keepingEmpty: false)
    return folders.lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }.flatMap(real)
  }

  private static func real(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(validatingCString: resolved)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// - Returns: nil also where the newest version is of those that have two numbers, which the wrapper compares.
  private static func newest(_ name: String, in root: Root) -> String? {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: root.folder)) ?? []
    let versions = folders.compactMap { folder -> (number: Int, path: String)? in
      let path = "\(root.folder)/\(folder)/bin/\(name)"
      guard let version = folder.after(beginning: root.prefix), version.utf8.allSatisfy(isDigit),
        let number = Int(version), number >= 10, access(path, X_OK) == 0
      else { return nil }
      return (number, path)
    }
    return versions.max { $0.number < $1.number }?.path
  }
}
