import CofferSystem
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
      let path = Self.usualPath(of: command.executable, variables).flatMap(Self.real),
      let root = roots.first(where: { $0.wrapper.flatMap(Self.real) == path }),
      let file = Self.newest(command.executable, in: root)
    else { return command }
    var passing = command
    passing.file = file
    // Where it has services looked for.
    if variables["PGSYSCONFDIR"] == nil { passing.environment.variables["PGSYSCONFDIR"] = "/etc/postgresql-common" }
    return passing
  }

  private static func real(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(validatingCString: resolved)
  }

  /// - Returns: nil also where the newest version is of those that have two numbers, which the wrapper compares.
  private static func newest(_ name: String, in root: Root) -> String? {
    let versions = programs(name, in: root).compactMap { program -> (number: Int, path: String)? in
      guard program.version.utf8.allSatisfy(PostgreSQLText.isDigit), let number = Int(program.version), number >= 10
      else { return nil }
      return (number, program.path)
    }
    return versions.max { $0.number < $1.number }?.path
  }
}
