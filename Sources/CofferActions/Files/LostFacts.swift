import CofferRepository
import CofferSystem

/// What items had and the place where they are written does not take, by kind.
final class LostFacts {
  enum Kind: Int, CaseIterable {
    case names, sizes, links, devices, special, owners, modes, rights, capabilities, attributes, accessLists, hardLinks
    case flags, times, unknown

    /// What is not as it was.
    var problem: String {
      switch self {
      case .names: "Its name cannot be used there, and it was not extracted"
      case .sizes: "A file cannot be so large there, and it was not extracted"
      case .links: "Symbolic links cannot be made there, and it was not extracted"
      case .devices: "Devices can only be made by root, and where their owners are right; it was not extracted"
      case .special: "FIFOs and sockets cannot be made there, and it was not extracted"
      case .owners: "Its owner and group could not be set"
      case .modes: "Its permissions could not be set"
      case .rights:
        "It ran as its owner or group (setuid, setgid) and does so no more, because these are not what they were"
      case .capabilities: "It had capabilities and has none: only root gives them, and only where its owner is right"
      case .attributes: "Not all of its extended attributes could be set"
      case .accessLists: "Its access control lists could not be set"
      case .hardLinks: "It was another name of a file and is a copy: hard links cannot be made there"
      case .flags: "Its file flags (chattr) could not be set"
      case .times: "Its times could not be set"
      case .unknown: "The archive has more of it than this version of Coffer knows"
      }
    }

    var suggestion: String {
      switch self {
      case .names, .sizes, .links, .special, .modes, .attributes, .accessLists, .hardLinks, .times:
        "Extract to a file system that takes it, with --destination; all else was extracted"
      case .devices, .owners, .rights, .capabilities, .flags:
        "Extract as root, where root may do that; all else was extracted"
      case .unknown: "Extract with the version that made the archive, or a later one; all else was extracted"
      }
    }
  }

  /// Of one kind.
  private struct Lost {
    var paths: [ItemPath] = []
    var count = 0
    var last: ItemPath?
    var cause: String?
  }

  private var items: [Kind: Lost] = [:]
  /// Paths of a kind that are kept. A place that takes nothing of some kind takes it of no item.
  private static let kept = 16

  func add(_ kind: Kind, _ path: ItemPath, _ cause: String? = nil) {
    var lost = items[kind] ?? Lost()
    guard lost.last != path else { return }
    if lost.paths.count < Self.kept { lost.paths.append(path) }
    lost.count += 1
    lost.last = path
    lost.cause = lost.cause ?? cause
    items[kind] = lost
  }

  func add(_ kind: Kind, _ path: ItemPath, _ error: SystemError) { add(kind, path, error.reason) }

  /// The first of a kind.
  func paths(_ kind: Kind) -> [ItemPath] { items[kind]?.paths ?? [] }

  /// One for each kind.
  var errors: [NotRestored] {
    Kind.allCases.compactMap { kind in
      guard let lost = items[kind], let first = lost.paths.first else { return nil }
      return NotRestored(kind: kind, path: first.text, others: lost.count - 1, cause: lost.cause)
    }
  }
}

/// Something of items is not as it was.
struct NotRestored: DiagnosableError, Equatable {
  let kind: LostFacts.Kind
  /// The first of them.
  let path: String
  let others: Int
  /// Why, of the first.
  let cause: String?

  /// Whether nothing is there of the item.
  var isMissing: Bool { [.names, .sizes, .links, .devices, .special].contains(kind) }

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: path,
      problem: kind.problem + (cause.map { " (\($0))" } ?? "") + (others > 0 ? "; \(others) others likewise" : ""),
      suggestion: kind.suggestion)
  }
}
