import Foundation

/// What quotes, or reads, text from outside. Each is tried on random text, and read back by the program or library that
/// the text is for where there is one.
public enum FuzzTarget: String, CaseIterable, Sendable {
  // Quoting.
  case postgresqlLiteral, postgresqlIdentifier, postgresqlStatement, connectionValue, serverSetting
  case sqliteIdentifier, sqliteLiteral, mariadbLiteral, mariadbIdentifier, optionFileValue
  case shellWord, pastedWord, commandTemplate, yaml, prometheusValue, urlPart, headerLine, html, jsonDocument,
    terminal, dumpPlace

  // Reading.
  case postgresqlScript, mariadbStatements, sqliteStatements, sqliteDatabases
  case yamlDocument, interpolation, constants, shellWords, credential, namePattern, pathPattern, urlSecrets, textParts
  /// Files of database servers' logs.
  case walFiles
  /// What a repository and this machine's files of it hold: see `FuzzedParser`.
  case storedObjects
  /// What a store on another host, or its client, sends.
  case remoteFrames
}

/// Random tries, the same in every run: round N of a target always gets the same random numbers. How many rounds there
/// are depends on the time that a target has; a failure names the seed, and `COFFER_FUZZ_SEED` runs that one alone.
public enum Fuzz {
  /// Seconds that all targets have together; `COFFER_FUZZ_SECONDS` makes it more or less.
  private static let standardSeconds = 60.0

  private static var variables: [String: String] { ProcessInfo.processInfo.environment }

  private static var share: Double {
    let total = variables["COFFER_FUZZ_SECONDS"].flatMap { Double($0) } ?? standardSeconds
    return total / Double(FuzzTarget.allCases.count)
  }

  /// - Parameters:
  ///   - rounds: How many there are at least, however long they take.
  ///   - body: One round.
  public static func run(
    _ target: FuzzTarget, atLeast rounds: Int = 1, _ body: (inout SeededRandom) throws -> Void
  ) rethrows {
    if let seed = variables["COFFER_FUZZ_SEED"].flatMap({ UInt64($0) }) {
      var random = SeededRandom(seed)
      return try body(&random)
    }
    let end = ContinuousClock.now + .seconds(share)
    var round = 0
    while round < rounds || ContinuousClock.now < end {
      round += 1
      var random = SeededRandom(seed(target, round))
      try body(&random)
    }
  }

  /// FNV-1a of the target's name (http://www.isthe.com/chongo/tech/comp/fnv/), so that targets differ, and the round.
  private static func seed(_ target: FuzzTarget, _ round: Int) -> UInt64 {
    let start = target.rawValue.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return start &+ UInt64(round)
  }
}
