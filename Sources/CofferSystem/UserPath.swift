/// Paths as users write them.
public enum UserPath {
  /// Returns the path from the root on.
  ///
  /// - Parameters:
  ///   - folder: What a relative path starts from; absolute.
  ///   - home: What `~/` stands for; nil leaves it as any other name.
  public static func absolute(_ path: String, from folder: String, home: String?) -> String {
    if let home, let rest = path.after(beginning: "~/") { return "\(home)/\(rest)" }
    if path.begins(with: "/") { return path }
    return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
  }

  /// The path of the folder that something is in: `/` for what is right below it, and nothing for a bare name.
  public static func parent(of path: String) -> String {
    let parts = path.parts(by: "/", keepingEmpty: false).dropLast()
    return (path.begins(with: "/") ? "/" : "") + parts.joined(separator: "/")
  }

  /// The last name of a path; `/` for the root itself.
  public static func name(of path: String) -> String {
    path.parts(by: "/", keepingEmpty: false).last ?? (path.begins(with: "/") ? "/" : "")
  }
}
