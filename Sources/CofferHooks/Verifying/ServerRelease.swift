import CofferSystem

/// The first two numbers of a server's version: a dump of one is not for a server of a lesser one.
struct ServerRelease: Comparable {
  private let numbers: [Int]

  /// - Parameter version: For example `11.4.3-MariaDB-1`.
  init(_ version: String) {
    numbers = version.parts(by: "-")[0].parts(by: ".").prefix(2).map { Int($0) ?? 0 }
  }

  static func < (one: ServerRelease, other: ServerRelease) -> Bool {
    one.numbers.lexicographicallyPrecedes(other.numbers)
  }
}

extension DrillError {
  /// The server that is installed is too old for a dump.
  static func older(_ identity: DumpIdentity, installed: String, than wanted: String) -> DrillError {
    .impossible(
      identity,
      problem:
        "it is of a server of version \(Quoting.terminal(wanted)), and the one that is installed here is \(installed)",
      suggestion: "Verify on a machine with that version or a newer one")
  }
}
