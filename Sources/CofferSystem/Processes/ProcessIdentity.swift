import FoundationEssentials
import Glibc

/// Names a process so that it is told from all others: by boot, process namespace, number and time of start.
///
/// Numbers are used again, and mean nothing to another machine, another boot or another container.
public struct ProcessIdentity: Sendable, Hashable, Codable {
  /// The kernel's id of this boot.
  public let boot: String
  /// The namespace that process numbers belong to, for example `pid:[4026531836]`.
  public let namespace: String
  public let process: Int32
  /// When the process was started, in clock ticks since the boot.
  public let start: String

  public init(boot: String, namespace: String, process: Int32, start: String) {
    self.boot = boot
    self.namespace = namespace
    self.process = process
    self.start = start
  }

  /// This process; nil where the system does not say all of it (no `/proc`).
  public static func current() -> ProcessIdentity? {
    guard let boot = Self.boot, let namespace = Self.namespace, let start = Self.startTime(of: getpid()) else {
      return nil
    }
    return ProcessIdentity(boot: boot, namespace: namespace, process: getpid(), start: start)
  }

  /// Whether the process has certainly ended. What cannot be known from here, about another machine's or container's
  /// processes, is not certain.
  public var hasCertainlyEnded: Bool {
    guard process > 0, let boot = Self.boot, boot == self.boot, let namespace = Self.namespace,
      namespace == self.namespace
    else { return false }
    if kill(process, 0) != 0 && errno == ESRCH { return true }
    return Self.startTime(of: process).map { $0 != start } ?? false
  }

  /// The kernel's id of this boot; nil where the system does not say it.
  public static var boot: String? {
    guard let data = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id") else { return nil }
    let text = String(decoding: data.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    return text.isEmpty ? nil : text
  }

  private static var namespace: String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
  }

  /// When a process was started, in clock ticks since the boot (proc(5), field 22 of `stat`); nil when there is none.
  public static func startTime(of process: pid_t) -> String? {
    guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
    // The program's name, in parentheses, may hold anything; what follows it begins with field 3.
    guard let end = data.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = data[(end + 1)...].split(separator: UInt8(ascii: " "))
    return fields.count > 19 ? String(decoding: fields[19], as: UTF8.self) : nil
  }
}
