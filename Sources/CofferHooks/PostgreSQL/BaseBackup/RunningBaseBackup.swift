import CofferSystem

/// A base backup on its way, whoever reads the server's files: one tar archive, and what is known of it.
protocol RunningBaseBackup: JudgedDump, ByteSource where Judgement == BaseBackupFacts {
  var identity: DumpIdentity { get }
  /// The server's version, as it calls it.
  var versionName: String? { get }
  /// Bytes that were given out.
  var byteCount: UInt64 { get }
  var warnings: [String] { get }
  /// Once all of the archive was given out.
  var whole: BaseBackupFacts? { get }
}

extension RunningBaseBackup {
  var output: DumpOutput { .stream(self) }

  var holdsPages: Bool { true }

  var factsSoFar: DumpFacts? { dumpFacts(nil) }

  private func dumpFacts(_ base: BaseBackupFacts?) -> DumpFacts {
    DumpFacts(identity: identity, format: BaseBackupDump.format, serverVersion: versionName, base: base)
  }

  func judge() throws -> BaseBackupFacts {
    try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { buffer in
      while try read(into: buffer) > 0 {}
    }
    guard let whole else {
      throw DumpError.incomplete(identity, program: BaseBackupStream.title, missing: "its end is missing")
    }
    return whole
  }

  func outcome(_ facts: BaseBackupFacts) -> DumpOutcome {
    DumpOutcome(facts: dumpFacts(facts), bytes: byteCount, exitStatus: 0, warnings: warnings)
  }
}
