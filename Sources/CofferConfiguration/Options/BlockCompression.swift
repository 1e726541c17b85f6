import CofferSystem

/// What `compression` means to Coffer: a level of zstd, whatever borgmatic's users ask of Borg.
public struct BlockCompression: Sendable, Equatable {
  /// From 1 (fast) to 19 (small).
  public let level: Int
  /// What is made of a value that is not one of Coffer's own; nil when it is.
  public let remark: String?

  /// - Returns: nil when it is no way of compressing.
  public init?(_ text: String) {
    var parts = text.parts(by: ",")[...]
    var obfuscates = false
    if parts.first == "obfuscate", parts.count > 2 {
      parts = parts.dropFirst(2)
      obfuscates = true
    }
    if parts.first == "auto", parts.count > 1 { parts = parts.dropFirst() }
    let number = parts.count == 2 ? Int(parts[parts.endIndex - 1]) : nil
    guard let method = parts.first, parts.count == 1 || (parts.count == 2 && number != nil) else { return nil }
    switch method {
    case "zstd": level = min(max(number ?? 3, 1), 19)
    case "none", "lz4": level = 1
    case "zlib": level = 3
    case "lzma": level = 12
    default: return nil
    }
    let sizes = obfuscates ? "; sizes are not obfuscated" : ""
    let isOwn = text == "zstd" || text == "zstd,\(level)"
    remark = isOwn ? nil : "'\(text)' is taken for 'zstd,\(level)'\(sizes)"
  }
}
