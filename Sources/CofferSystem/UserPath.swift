/// Paths as users write them.
public enum UserPath {
  /// Returns the path from the root on.
  ///
  /// - Parameters:
  ///   - folder: What a relative path starts from; absolute.
  ///   - home: What `~/` stands for; nil leaves it as any other name.
  public static func absolute(_ path: String, from folder: String, home: String?) -> String {
    if path.hasPrefix("~/"), let home { return home + path.dropFirst() }
    if path.hasPrefix("/") { return path }
    return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
  }
}
