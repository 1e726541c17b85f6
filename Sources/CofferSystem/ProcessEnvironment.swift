import Foundation

/// The environment variables of the program, passed in so that nothing reads the process's own in passing.
public struct ProcessEnvironment: Sendable, Equatable {
  public var variables: [String: String]

  public init(_ variables: [String: String]) {
    self.variables = variables
  }

  /// A copy of this process's environment.
  public static func current() -> ProcessEnvironment {
    ProcessEnvironment(ProcessInfo.processInfo.environment)
  }

  public subscript(name: String) -> String? { variables[name] }
}

/// A user's own folders, by the XDG Base Directory Specification: a variable that is empty or no path from the root on
/// counts as not set.
public enum UserFolder: String, Sendable {
  case configuration = "XDG_CONFIG_HOME"
  case cache = "XDG_CACHE_HOME"
  case state = "XDG_STATE_HOME"

  fileprivate var standard: String {
    switch self {
    case .configuration: ".config"
    case .cache: ".cache"
    case .state: ".local/state"
    }
  }
}

extension ProcessEnvironment {
  /// What `~` stands for: `HOME`, or what the system has for the user who runs the program.
  public var home: String {
    if let home = path("HOME") { return home }
    if let entry = getpwuid(geteuid()), let folder = entry.pointee.pw_dir {
      let home = String(cString: folder)
      if home.begins(with: "/") { return home }
    }
    return "/"
  }

  public subscript(folder: UserFolder) -> String {
    path(folder.rawValue) ?? (home == "/" ? "" : home) + "/\(folder.standard)"
  }

  private func path(_ name: String) -> String? {
    self[name].flatMap { $0.begins(with: "/") ? $0 : nil }
  }
}
