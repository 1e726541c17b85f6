import CofferSystem

/// How far the clock of a server's machine is from UTC, in winter and in summer.
///
/// A log has for a statement that asks for the time only that it goes by its server's time zone. Where that is the machine's, a server on
/// another machine takes its own.
enum SystemTimeZone {
  /// What a dump's details have it as: seconds on 2026-01-01 and on 2026-07-01, `3600 7200`.
  static let key = "system_time_zone"

  private static let question = """
    SET SESSION time_zone = 'SYSTEM'; SELECT CONCAT(TIMESTAMPDIFF(SECOND, '2026-01-01', FROM_UNIXTIME(1767225600)), ' ', \
    TIMESTAMPDIFF(SECOND, '2026-07-01', FROM_UNIXTIME(1782864000)))
    """

  /// - Parameter ask: Runs SQL and returns its rows.
  /// - Returns: nil where the server does not say it.
  /// - Throws: `RunCancelled`.
  static func offsets(_ ask: (String) throws -> [[String]]) throws -> String? {
    do {
      return try ask(question).first?.first
    } catch let error as RunCancelled {
      throw error
    } catch {
      return nil
    }
  }

  /// - Parameters:
  ///   - server: Of the server whose log it was.
  ///   - here: Of the one that has replayed it.
  /// - Returns: nil where they are the same.
  static func warning(_ server: String?, here: String?) -> String? {
    if let server, let here, server.isSame(as: here) { return nil }
    return
      "Statements in the log go by the clock of the server's machine (time_zone is SYSTEM), and were run by that of this one, whose time zone "
      + (server == nil || here == nil ? "may be another" : "is another")
      + ": dates and times that they have written, as by NOW(), may be shifted. Restore on a machine of the server's time zone, or look at them"
  }
}
