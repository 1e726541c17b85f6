import CSystem
import FoundationEssentials
import Glibc

/// The file systems of this program's that are mounted on this machine: archives that somebody looks into.
public struct FuseMounts: Sendable {
  private var devices: Set<dev_t> = []
  /// As /proc numbers mounts.
  private var numbers: Set<UInt64> = []

  /// - Parameter table: What /proc/self/mountinfo says (proc_pid_mountinfo(5)).
  public init(table: String = "") {
    for line in table.lines() {
      let words = line.words
      // Its number, that of the mount above, major:minor, folder, place, options, ... then a dash, and the kind.
      guard words.count > 6, let dash = words[6...].firstIndex(of: "-"), dash + 1 < words.count,
        words[dash + 1] == FuseMount.kind, let number = UInt64(words[0])
      else { continue }
      let device = words[2].parts(by: ":").compactMap { UInt32($0) }
      guard device.count == 2 else { continue }
      numbers.insert(number)
      devices.insert(dev_t(coffer_device(device[0], device[1])))
    }
  }

  /// Those that there are now; none where nobody can say, for want of /proc.
  public static func current() -> FuseMounts {
    let table = FileManager.default.contents(atPath: "/proc/self/mountinfo")
    return FuseMounts(table: table.map { String(decoding: $0, as: UTF8.self) } ?? "")
  }

  /// Whether what has this device's number is in one of them.
  public func hold(device: dev_t) -> Bool { devices.contains(device) }

  /// Whether one is mounted at a name. It is not asked: it may be another user's, or its program may have ended.
  public func hold(_ name: EntryName, in folder: Folder) -> Bool {
    guard !numbers.isEmpty, let place = try? folder.openPlace(name),
      let facts = FileManager.default.contents(atPath: "/proc/self/fdinfo/\(place.number)")
    else { return false }
    let number = String(decoding: facts, as: UTF8.self).lines().lazy.compactMap { $0.after(beginning: "mnt_id:") }.first
    return number?.words.first.flatMap { UInt64($0) }.map(numbers.contains) ?? false
  }
}
