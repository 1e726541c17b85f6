import CofferConfiguration
import CofferMonitoring
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Remembers what became of a configuration file's last run that was to make backups, in this machine's state folder.
struct RunMemory {
  enum Fate: String, Codable, Sendable {
    case succeeded, failed
    /// A command said that it was not the time.
    case skipped
  }

  struct Run: Codable, Sendable {
    struct Repository: Codable, Sendable {
      let path: String
      let fate: Fate
    }

    /// When it ended.
    let time: Date
    let fate: Fate
    let repositories: [Repository]
    /// The first error.
    let error: String?
  }

  private let folder: String
  private let configuration: String

  private static let sizeLimit = 1 << 20
  /// The years that a clock can show.
  private static let times = 0.0...253_402_300_799.0

  init(_ configuration: Configuration, _ surroundings: Surroundings) {
    let environment = surroundings.environment
    let state = configuration.root[RunOptions.stateDirectory] ?? environment[.state]
    folder = UserPath.absolute(
      "\(state)/coffer/runs", from: surroundings.folder(for: configuration.root), home: environment.home)
    self.configuration = configuration.path
  }

  /// - Returns: nil when none is noted, or nothing of it can be read.
  func last() -> Run? {
    guard let name = try? file, let folder = try? Folder.trusted(folder, .links),
      let bytes = try? folder.read(name, limit: Self.sizeLimit),
      let run = try? JSONDecoder().decode(Run.self, from: Data(bytes)),
      Self.times.contains(run.time.timeIntervalSince1970)
    else { return nil }
    return run
  }

  /// A run that is not noted is one that `status` does not know of, no more.
  func note(_ report: RunReport, _ console: Console) {
    do {
      let folder = try Folder.trusted(folder, .links, makingWith: 0o700)
      try folder.replace(try file, with: Array(try JSONEncoder().encode(Run(report))))
    } catch {
      let cause = Diagnosis(of: error)
      console.remark("\(cause.subject): What became of the run cannot be noted for 'status': \(cause.problem)")
    }
  }

  /// One a configuration file.
  private var file: EntryName {
    get throws {
      let digest = try Array(configuration.utf8).withUnsafeBytes { try ContentHasher.hash($0) }
      return EntryName("run-\(digest.hex.prefix(32))")
    }
  }
}

extension RunMemory.Run {
  fileprivate init(_ report: RunReport) {
    time = report.end ?? report.start
    fate = report.isSkipped ? .skipped : report.errors.isEmpty ? .succeeded : .failed
    error = report.errors.first
    repositories = report.repositories.map {
      Repository(path: $0.path, fate: $0.isSkipped ? .skipped : $0.isSuccess ? .succeeded : .failed)
    }
  }
}
