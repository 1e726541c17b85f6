import CPCRE2

/// A regular expression as Perl and Python write them, looked for in UTF-8 by libpcre2. Letters, digits and borders of words are
/// Unicode's; a dot is any scalar but a line feed.
public final class RegularExpression: @unchecked Sendable {
  // Sound because what was compiled is only read from then on, as pcre2api(3) says under "Multithreading".
  private let code: OpaquePointer

  /// It is none; `position` is the byte at which it ceases to be one.
  public struct Malformed: Error, Equatable {
    public let position: Int
  }

  /// The search takes more steps, or memory, than libpcre2 allows by default, for an expression must not hold a run up for
  /// ever: whether it is found is not known.
  public struct Exhausted: Error, Equatable {
    /// What to do about it.
    public static let advice =
      "Write it so that a part that is repeated is not repeated again as a whole, (a+)+ for example, or take a glob"
  }

  /// - Parameter wholeOnly: Whether only whole texts are matched.
  /// - Throws: `Malformed`.
  public init(_ pattern: String, wholeOnly: Bool = false) throws(Malformed) {
    var (problem, offset) = (Int32(0), 0)
    let options =
      UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP) | UInt32(PCRE2_NEVER_BACKSLASH_C)
      | (wholeOnly ? UInt32(PCRE2_ANCHORED) | UInt32(PCRE2_ENDANCHORED) : 0)
    let bytes = Array(pattern.utf8)
    guard let code = pcre2_compile_8(bytes, bytes.count, options, &problem, &offset, nil) else {
      throw Malformed(position: offset)
    }
    self.code = code
  }

  deinit { pcre2_code_free_8(code) }

  /// Whether the expression is found in a text.
  ///
  /// - Throws: `Exhausted`.
  public func matches(_ text: String) throws(Exhausted) -> Bool {
    guard let found = pcre2_match_data_create_from_pattern_8(code, nil) else { throw Exhausted() }
    defer { pcre2_match_data_free_8(found) }
    let bytes = Array(text.utf8)
    let outcome = pcre2_match_8(code, bytes, bytes.count, 0, 0, found, nil)
    guard outcome >= 0 || outcome == PCRE2_ERROR_NOMATCH else { throw Exhausted() }
    return outcome >= 0
  }
}
