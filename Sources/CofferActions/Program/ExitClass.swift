import CofferConfiguration
import CofferRepository
import CofferStorage
import CofferSystem

/// What came of a run, as its exit code tells it where `exit_codes: classes` asks for that. Of several the last one counts.
enum ExitClass: Int32, Comparable {
  case success = 0
  case warnings = 3
  /// Somebody else is at it: another try may help.
  case busy = 5
  /// A dump, a server, a disk: anything that has no class of its own.
  case error = 1
  /// The archive is there, and some dumps are not in it.
  case partial = 4
  /// The command line or the configuration.
  case usage = 2
  case noRepository = 7
  case noKey = 6
  case damage = 8

  private static let order: [ExitClass] = [
    .success, .warnings, .busy, .error, .partial, .usage, .noRepository, .noKey, .damage,
  ]

  static func < (left: ExitClass, right: ExitClass) -> Bool {
    order.firstIndex(of: left) ?? 0 < order.firstIndex(of: right) ?? 0
  }

  init(_ error: any Error) {
    switch error {
    case let error as RepositoryFailure: self.init(error.cause)
    case is UsageError: self = .usage
    case let error as ConfigurationError: self = Self.of(error)
    case let error as RepositoryError: self = Self.of(error)
    case is DamageFound: self = .damage
    default: self = .error
    }
  }

  private static func of(_ error: ConfigurationError) -> ExitClass {
    switch error {
    case .passcommandFailed, .noPassphrase: .noKey
    default: .usage
    }
  }

  private static func of(_ error: RepositoryError) -> ExitClass {
    switch error {
    case .notFound: .noRepository
    case .wrongPassphrase, .keyUnread, .keyFileMissing, .keysMissing, .keyRemoved, .needsFullKey: .noKey
    case .damaged, .unknownKey, .missingChunk, .signedAfterRemoval: .damage
    case .sessionExpired, .overtaken, .keyChanged: .busy
    default: .error
    }
  }
}

/// What a run's exit code needs to know besides its errors.
final class ExitNotes: ConsoleSink {
  private let notes = Monitor((hasWarned: false, isPartial: false, isGiven: false, reached: [String]()))

  func take(_ text: String, level: Int) {
    if level == 0, text.begins(with: "warning: ") { notes.update { $0.hasWarned = true } }
  }

  /// An archive was made without some of its dumps.
  func notePartial() {
    notes.update { $0.isPartial = true }
  }

  /// What 'wal get' was asked for is where it was to be.
  func noteGiven() {
    notes.update { $0.isGiven = true }
  }

  var isGiven: Bool { notes.update { $0.isGiven } }

  /// A repository has what 'wal push' was to store, or has certainly not what 'wal get' was asked for.
  func noteReached(_ location: RepositoryLocation) {
    notes.update { $0.reached.append(location.path) }
  }

  /// The paths of those repositories.
  var reached: [String] { notes.update { $0.reached } }

  /// - Parameter failures: The run's errors.
  func code(after failures: [any Error], _ kind: OutputOptions.ExitCodes) -> Int32 {
    guard kind == .classes else { return failures.isEmpty ? 0 : 1 }
    let notes = notes.update { $0 }
    var classes = SeveralErrors(failures).errors.map(ExitClass.init)
    if notes.hasWarned { classes.append(.warnings) }
    if notes.isPartial, !failures.isEmpty { classes.append(.partial) }
    return (classes.max() ?? .success).rawValue
  }
}
