import CofferSystem

/// Where a tablespace was, and where it goes.
struct TablespaceMapping: Sendable, Equatable {
  let old: String
  let new: String

  /// - Parameter text: `OLD=NEW`, with a backslash before a `=` of theirs, as pg_basebackup has it.
  /// - Returns: nil unless both are absolute paths.
  init?(_ text: String) {
    var parts: [[UInt8]] = [[]]
    var isEscaped = false
    for byte in text.utf8 {
      if byte == UInt8(ascii: "="), !isEscaped {
        parts.append([])
      } else {
        if byte == UInt8(ascii: "="), isEscaped { parts[parts.count - 1].removeLast() }
        parts[parts.count - 1].append(byte)
      }
      isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
    }
    guard parts.count == 2, parts.allSatisfy({ $0.first == UInt8(ascii: "/") && $0.count > 1 }) else { return nil }
    old = String(decoding: parts[0], as: UTF8.self)
    new = String(decoding: parts[1], as: UTF8.self).trimmedOfSlashes
  }
}

extension String {
  /// A path without `/` at its end.
  var trimmedOfSlashes: String {
    let end = utf8.lastIndex { $0 != UInt8(ascii: "/") }
    return end.map { String(decoding: utf8[...$0], as: UTF8.self) } ?? "/"
  }
}
