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
}
