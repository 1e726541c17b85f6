/// Names and passwords in URLs, which stand in texts that are shown.
public enum URLSecrets {
  private static let mask = "***"
  /// What ends the part of a URL that holds a user, or the URL itself.
  private static let ends = Set("/?# \t\"'<>".utf8)

  /// The text with what stands before the `@` of URLs masked.
  public static func masked(_ text: String) -> String {
    let parts = text.parts(by: "://")
    guard parts.count > 1 else { return text }
    return parts[0]
      + parts.dropFirst().map { part in
        let authority = part.utf8.prefix { !ends.contains($0) }
        guard let sign = authority.lastIndex(of: UInt8(ascii: "@")) else { return "://" + part }
        return "://" + mask + part[sign...]
      }.joined()
  }
}
