import CofferSystem

/// Finds, in the script of one database, the statements that empty the search path, so that others can be sent in their place.
///
/// They come before the first object that pg_dump announces; the same text in a row, or in a function, is left alone.
struct ScriptSearchPath {
  private var isInPreamble = true

  /// - Parameter lines: A line with its end, or several of one statement.
  /// - Returns: What sets the path that the database has by its own settings; nil for what stays as it is.
  mutating func replacement(for lines: UnsafeRawBufferPointer) -> PostgreSQLStatement? {
    guard isInPreamble else { return nil }
    if Self.announcesContent(lines) { isInPreamble = false }
    return lines.elementsEqual(SearchPathPatch.empty) ? Self.own : nil
  }

  private static let own: PostgreSQLStatement = """
    SELECT pg_catalog.set_config('search_path', coalesce((SELECT pg_catalog.substr(c, 13)
    FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase,
    pg_catalog.unnest(s.setconfig) c WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND s.setrole OPERATOR(pg_catalog.=) 0 AND c OPERATOR(pg_catalog.~~) 'search_path=%'), '"$user", public'), false);

    """

  /// Whether it names an object other than the database itself.
  private static func announcesContent(_ lines: UnsafeRawBufferPointer) -> Bool {
    guard lines.starts(with: "-- Name: ".utf8), !lines.starts(with: "-- Name: DATABASE ".utf8) else { return false }
    let header = String(decoding: lines, as: UTF8.self)
    return !header.holds("; Type: DATABASE;") && !header.holds("; Type: DATABASE PROPERTIES;")
  }
}
