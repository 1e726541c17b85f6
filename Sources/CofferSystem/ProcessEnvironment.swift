import CSystem
import Glibc

/// The environment variables of the program, passed in so that nothing reads the process's own in passing.
public struct ProcessEnvironment: Sendable, Equatable {
  public var variables: Variables

  public init(_ variables: [String: String]) {
    self.init(Variables(variables))
  }

  public init(_ variables: Variables) {
    self.variables = variables
  }

  /// A copy of this process's environment.
  public static func current() -> ProcessEnvironment {
    var variables = Variables([:])
    var next = coffer_environment()
    while let entry = next?.pointee {
      let parts = String(cString: entry).parts(by: "=", limit: 2)
      // Of a name that stands twice, programs get the first.
      if parts.count == 2, variables[parts[0]] == nil { variables[parts[0]] = parts[1] }
      next = next?.advanced(by: 1)
    }
    return ProcessEnvironment(variables)
  }

  public subscript(name: String) -> String? { variables[name] }
}

extension ProcessEnvironment {
  /// Values by the bytes of their names: two names that look alike are two variables.
  public struct Variables: Sendable, Equatable, Sequence {
    public typealias Element = (key: String, value: String)

    private var values: [ExactName: String] = [:]

    public init(_ values: [String: String]) {
      for (name, value) in values { self[name] = value }
    }

    public subscript(name: String) -> String? {
      get { values[ExactName(name)] }
      set { values[ExactName(name)] = newValue }
    }

    /// - Returns: The value that the name had.
    @discardableResult
    public mutating func removeValue(forKey name: String) -> String? {
      values.removeValue(forKey: ExactName(name))
    }

    /// Takes over what another has; `choose` decides between the value that was there and the other's.
    public mutating func merge(
      _ others: [String: String], uniquingKeysWith choose: (String, String) throws -> String
    ) rethrows {
      for (name, value) in others { self[name] = try self[name].map { try choose($0, value) } ?? value }
    }

    public func filter(_ isWanted: (Element) throws -> Bool) rethrows -> Variables {
      var copy = self
      copy.values = try values.filter { try isWanted(($0.key.text, $0.value)) }
      return copy
    }

    public func makeIterator() -> some IteratorProtocol<Element> {
      values.lazy.map { (key: $0.key.text, value: $0.value) }.makeIterator()
    }
  }
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
