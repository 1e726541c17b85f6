import CofferSystem
import FoundationEssentials

/// A dump into a folder of the run that was written to its end and found whole: it is removed when it has been stored.
final class WrittenFolder: RunningDump {
  private let folder: String
  private let facts: DumpFacts
  private let warnings: [String]

  init(_ folder: String, facts: DumpFacts, warnings: [String]) {
    self.folder = folder
    self.facts = facts
    self.warnings = warnings
  }

  var output: DumpOutput { .folder(folder) }

  /// It had ended, and was judged, before it became this.
  func end() {}

  func finish() -> DumpOutcome {
    DumpOutcome(facts: facts, bytes: nil, exitStatus: 0, warnings: warnings)
  }

  func abandon() {
    try? FileManager.default.removeItem(atPath: folder)
  }
}
