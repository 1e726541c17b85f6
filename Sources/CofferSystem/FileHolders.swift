import FoundationEssentials
import Glibc

/// Processes that have a file open.
public enum FileHolders {
  public struct Holder: Sendable, Equatable {
    public let process: pid_t
    public let program: String
  }

  /// Returns the other processes that have the file open, as far as this user may see them.
  public static func others(of path: String) -> [Holder] {
    var wanted = stat()
    guard stat(path, &wanted) == 0 else { return [] }
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return processes.compactMap(pid_t.init).filter { $0 != getpid() }.compactMap { process in
      let folder = "/proc/\(process)/fd"
      let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      let holds = descriptors.contains { descriptor in
        var found = stat()
        return stat("\(folder)/\(descriptor)", &found) == 0 && found.st_ino == wanted.st_ino
          && found.st_dev == wanted.st_dev
      }
      guard holds else { return nil }
      let name = FileManager.default.contents(atPath: "/proc/\(process)/comm") ?? Data()
      let program = String(decoding: name, as: UTF8.self).trimmed
      return Holder(process: process, program: program)
    }
  }
}
