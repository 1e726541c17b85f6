import CofferSystem
import FoundationEssentials
import Glibc

/// Makes an archive's name from `archive_name_format`.
struct ArchiveName {
  let hostname: String
  let username: String
  let processID: Int32
  let now: Date

  /// Replaces `{hostname}`, `{fqdn}`, `{user}`, `{pid}`, `{unixtime}`, and `{now}` and `{utcnow}` with an optional
  /// strftime format after a colon, whose `%f` are microseconds. Other braces stay as they are.
  func expand(_ format: String) -> String {
    expand(format, by: value)
  }

  /// A pattern for the names that the format gives at any time: what changes from run to run stands for anything, and all else
  /// for itself.
  func pattern(for format: String) -> String {
    parts(of: format).map { part in
      switch part {
      case .text(let text): NamePattern.literal(text)
      case .placeholder(let inner, let text):
        isFixed(inner) || value(of: inner) == nil ? NamePattern.literal(value(of: inner) ?? text) : "*"
      }
    }.joined()
  }

  /// What stands in braces like a placeholder and is none.
  func unknownPlaceholders(in format: String) -> [String] {
    parts(of: format).compactMap { part in
      guard case .placeholder(let inner, let text) = part, value(of: inner) == nil else { return nil }
      return text
    }
  }

  /// Replaces only what is the same in every run.
  func expandFixed(_ format: String) -> String {
    expand(format) { isFixed($0) ? value(of: $0) : nil }
  }

  private func isFixed(_ placeholder: String) -> Bool {
    ["hostname", "fqdn", "user"].contains(placeholder)
  }

  private func expand(_ format: String, by value: (String) -> String?) -> String {
    parts(of: format).map { part in
      switch part {
      case .text(let text): text
      case .placeholder(let inner, let text): value(inner) ?? text
      }
    }.joined()
  }

  private enum Part {
    case text(String)
    /// What stands in braces, without and with them.
    case placeholder(String, String)
  }

  private func parts(of format: String) -> [Part] {
    var parts: [Part] = []
    var rest = Substring(format)
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      parts.append(.text(String(rest[..<open])))
      parts.append(.placeholder(String(rest[rest.index(after: open)..<close]), String(rest[open...close])))
      rest = rest[rest.index(after: close)...]
    }
    return parts + [.text(String(rest))]
  }

  private func value(of placeholder: String) -> String? {
    let parts = placeholder.parts(by: ":", limit: 2, keepingEmpty: false)
    switch parts.first {
    case "hostname": return hostname.parts(by: ".", keepingEmpty: false).first ?? hostname
    case "fqdn": return hostname
    case "user": return username
    case "pid": return String(processID)
    case "unixtime": return String(Int(now.timeIntervalSince1970))
    case "now", "utcnow":
      let format = (parts.count > 1 ? parts[1] : "%Y-%m-%dT%H:%M:%S.%f")
        .swapping("%f", for: String(printf: "%06d", Formats.microseconds(now)))
      return Formats.strftime(format, now, utc: parts[0] == "utcnow")
    default: return nil
    }
  }
}
