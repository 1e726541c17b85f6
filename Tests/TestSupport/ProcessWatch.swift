import CofferSystem
import Foundation

/// Looks at every process of the machine, over and over, for a text that none should show in its arguments, and at what is
/// in a folder, which nobody else should be able to enter or to read.
public final class ProcessWatch: Sendable {
  private struct State: Sendable {
    var isStopped = false
    var looks = 0
    var sightings: Set<String> = []
  }

  private let state: Monitor<State>
  private let thread: WorkerThread

  public init(for secret: String, folder: String) throws {
    let state = Monitor(State())
    self.state = state
    thread = try WorkerThread(name: "watch") {
      while !state.update({ $0.isStopped }) {
        let found = Self.look(for: secret) + Self.open(below: folder)
        state.update {
          $0.looks += 1
          $0.sightings.formUnion(found)
        }
        usleep(2000)
      }
    }
  }

  /// Ends the watch.
  ///
  /// - Returns: How often it looked, and the command lines in which it saw the text, and the files that were open to others.
  public func stop() -> (looks: Int, sightings: Set<String>) {
    state.update { $0.isStopped = true }
    thread.join()
    return state.update { ($0.looks, $0.sightings) }
  }

  private static func open(below folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.map { "\(folder)/\($0)" }.filter { path in
      var facts = stat()
      return lstat(path, &facts) == 0 && facts.st_mode & 0o077 != 0
    }
  }

  /// The command lines of the machine's processes that hold a text.
  public static func look(for secret: String) -> [String] {
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return processes.filter { Int($0) != nil }.compactMap { process in
      guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return nil }
      let line = String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
      return line.contains(secret) ? line : nil
    }
  }
}
