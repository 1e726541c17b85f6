import CofferSystem
import Glibc

/// The name that a file has until it is whole: `.tmp-<tag>-<process>-<start>-<16 hex>`, where the tag stands for boot and
/// process namespace. It tells whether whoever wrote the file may still be at it.
struct TemporaryName {
  static let prefix = ".tmp-"

  let text: String
  /// nil in names that no program of this kind has given.
  let writer: (tag: String, process: Int32, start: String)?

  /// A new name for this process.
  init(_ identity: ProcessIdentity?, random: UInt64) {
    let tag = identity.map(Self.tag) ?? "0"
    writer = identity.map { (Self.tag($0), $0.process, $0.start) }
    let number = String(random, radix: 16)
    let padded = String(repeating: "0", count: 16 - number.utf8.count) + number
    text = "\(Self.prefix)\(tag)-\(identity?.process ?? 0)-\(identity?.start ?? "0")-\(padded)"
  }

  /// - Returns: nil for names of other files.
  init?(parsing name: String) {
    guard name.utf8.starts(with: Self.prefix.utf8) else { return nil }
    text = name
    let parts = name.utf8.dropFirst(Self.prefix.utf8.count).split(
      separator: UInt8(ascii: "-"), omittingEmptySubsequences: false
    ).map { String(decoding: $0, as: UTF8.self) }
    guard parts.count == 4, parts[3].utf8.count == 16, let process = Int32(parts[1]) else {
      writer = nil
      return
    }
    writer = (parts[0], process, parts[2])
  }

  /// Whether whoever wrote the file has certainly ended; not known of other machines' and containers' processes.
  func isAbandoned(seenBy own: ProcessIdentity?) -> Bool {
    guard let own, let writer, writer.tag == Self.tag(own) else { return false }
    return ProcessIdentity(
      boot: own.boot, namespace: own.namespace, process: writer.process, start: writer.start
    ).hasCertainlyEnded
  }

  /// Whether this process gave the name.
  func isWritten(by own: ProcessIdentity) -> Bool {
    guard let writer else { return false }
    return writer.tag == Self.tag(own) && writer.process == own.process && writer.start == own.start
  }

  private static func tag(_ identity: ProcessIdentity) -> String {
    String(NameHash.of("\(identity.boot) \(identity.namespace)"), radix: 16)
  }
}
