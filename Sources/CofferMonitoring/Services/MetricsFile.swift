import CofferSystem
import FoundationEssentials
import Glibc

/// A file of figures that node_exporter reads.
public struct MetricsFile: Sendable {
  private let path: String

  /// Longer files are not Coffer's.
  private static let sizeLimit = 16 << 20
  /// Seconds that another run is waited for. Whoever may read the folder can lock it, for ever: so this run goes on, and
  /// at worst what the other writes at the same moment is lost until its next run.
  private static let patience = 2.0

  /// - Parameters:
  ///   - path: Absolute; node_exporter reads what ends in `.prom`.
  ///   - option: What names it, for messages.
  /// - Throws: `MonitoringError.malformed`.
  public init(_ path: String, option: String) throws(MonitoringError) {
    guard path.begins(with: "/"), path.ends(with: ".prom") else {
      throw .malformed(option: option, suggestion: "Write an absolute path that ends in .prom")
    }
    self.path = path
  }

  /// Takes in how the backups of a repository stand; all other figures in the file stay as they were.
  ///
  /// - Throws: `UntrustedPlace`; `SystemError`.
  public func update(with figures: BackupFigures) throws {
    try update { $0.update(with: figures) }
  }

  func update(_ change: (inout Metrics) -> Void) throws {
    let place = try FilePlace(path)
    // Another run that ends at the same moment must not undo what this one writes.
    let lock = try place.folder.lock(patience: Self.patience)
    defer { withExtendedLifetime(lock) {} }
    // What is there may be anything, a link or a FIFO for example: then there is nothing to keep.
    let old = (try? place.folder.read(place.name, limit: Self.sizeLimit)) ?? []
    var metrics = Metrics(parsing: String(decoding: old, as: UTF8.self))
    change(&metrics)
    // node_exporter may run as another user.
    try place.folder.replace(place.name, with: Array(metrics.text.utf8), mode: 0o644)
  }
}
