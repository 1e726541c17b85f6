import CofferSystem

/// What `compression` means to Coffer: a level of zstd, whatever borgmatic's users ask of Borg.
public struct BlockCompression: OptionText {
  public static let title = "a way to compress"
  public static let suggestion = "Write 'zstd,LEVEL' with a level from 1 to 19"
  public static let standard = BlockCompression(level: 3)

  /// From 1 (fast) to 19 (small).
  public let level: Int
  /// What is made of a value that is not one of Coffer's own; nil when it is.
  public let remark: String?
  public let spelling: String

  private init(level: Int) {
    self.level = level
    remark = nil
    spelling = "zstd,\(level)"
  }

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
    spelling = text
    let sizes = obfuscates ? "; sizes are not obfuscated" : ""
    let isOwn = text == "zstd" || text == "zstd,\(level)"
    remark = isOwn ? nil : "'\(text)' is taken for 'zstd,\(level)'\(sizes)"
  }

  public static func nearest(to text: String) -> String? {
    let digits = String(text.unicodeScalars.filter { ("0"..."9").contains($0) })
    let method = String(text.lowercased().unicodeScalars.prefix { $0.properties.isAlphabetic })
    guard let near = NearestName.slip(of: method, among: ["zstd", "none", "lz4", "zlib", "lzma"]) else { return nil }
    let level = near.isSame(as: "zstd") ? Int(digits).map { ",\(min(max($0, 1), 19))" } : nil
    return near + (level ?? "")
  }
}
