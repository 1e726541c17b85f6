extension String {
  /// Whether every bracket of the pattern is closed. What one means that is not is left open by POSIX, and glibc's fnmatch
  /// takes it for a sign of its own or for nothing that matches, after what stands in it.
  public var closesItsBrackets: Bool {
    var rest = Substring(self)
    while let open = rest.unicodeScalars.firstIndex(of: "[") {
      rest = Substring(rest.unicodeScalars[open...].dropFirst())
      if let first = rest.unicodeScalars.first, first == "!" || first == "^" {
        rest = Substring(rest.unicodeScalars.dropFirst())
      }
      guard let close = rest.unicodeScalars.dropFirst().firstIndex(of: "]") else { return false }
      rest = Substring(rest.unicodeScalars[close...].dropFirst())
    }
    return true
  }
}
