import CSystem
import FoundationEssentials
import Glibc

/// The file systems of this program's that are mounted on this machine: archives that somebody looks into.
///
/// What is asked is looked for in the table as it was first. What is found there is looked for in the table as it is then:
/// numbers of devices and mounts are given anew to other file systems when a mount ends.
public struct FuseMounts: Sendable {
  private let first: Numbers
  private let table: @Sendable () -> String

  private struct Numbers {
    var devices: Set<dev_t> = []
    /// As /proc numbers mounts.
    var mounts: Set<UInt64> = []
  }

  /// - Parameter table: Gives what /proc/self/mountinfo says (proc_pid_mountinfo(5)) whenever it is called.
  public init(table: @escaping @Sendable () -> String = { "" }) {
    self.table = table
    first = Self.numbers(in: table())
  }

  private static func numbers(in table: String) -> Numbers {
    var numbers = Numbers()
    for words in FuseMount.ownMounts(in: Array(table.utf8)) {
      let device = String(decoding: words[2], as: UTF8.self).parts(by: ":").compactMap { UInt32($0) }
      guard let number = UInt64(String(decoding: words[0], as: UTF8.self)), device.count == 2 else { continue }
      numbers.mounts.insert(number)
      numbers.devices.insert(dev_t(coffer_device(device[0], device[1])))
    }
    return numbers
  }

  /// Those of this machine; none where nobody can say, for want of /proc.
  public static func current() -> FuseMounts {
    FuseMounts {
      let table = FileManager.default.contents(atPath: "/proc/self/mountinfo")
      return table.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
  }

  /// Whether what has this device's number is in one of them.
  public func hold(device: dev_t) -> Bool {
    first.devices.contains(device) && Self.numbers(in: table()).devices.contains(device)
  }

  /// Whether one is mounted at a name. It is not asked: it may be another user's, or its program may have ended.
  public func hold(_ name: EntryName, in folder: Folder) -> Bool {
    guard !first.mounts.isEmpty, let place = try? folder.openPlace(name) else { return false }
    // While it is open, the number of its mount is given to no other.
    return withExtendedLifetime(place) {
      guard let facts = FileManager.default.contents(atPath: "/proc/self/fdinfo/\(place.number)") else { return false }
      let text = String(decoding: facts, as: UTF8.self)
      let number = text.lines().lazy.compactMap { $0.after(beginning: "mnt_id:") }.first
      guard let mount = number?.words.first.flatMap({ UInt64($0) }), first.mounts.contains(mount) else { return false }
      return Self.numbers(in: table()).mounts.contains(mount)
    }
  }
}
