import CofferSystem
import FoundationEssentials
import Glibc

/// What is counted beside a dump.
final class PostgreSQLDumpCensus: ContentSource {
  private let census: PostgreSQLCensus?
  private var snapshot = ""
  /// Why there is none.
  private let remark: String?
  private let conversations: PostgreSQLConversations
  /// The session that counts, as long as it is here.
  private var session: PostgreSQLConversation?
  /// Asks what the database needs.
  private let needs: () throws -> [PostgreSQLAnswer.Row]
  private let percent: Int
  private let clock: Clock
  private let start: Double
  /// Values of sequences before the dump. No snapshot has them: pg_dump may have read any that came since.
  private var before: [ExactName: Int64] = [:]
  /// Tables that had another file when pg_dump had locked them than in the snapshot.
  private var rewritten: [RelationName] = []

  /// A dump that takes no time may be followed by as many seconds.
  private static let least = 0.5

  /// Dump options that leave nothing out.
  private static let harmless = [
    "--jobs", "--verbose", "--lock-wait-timeout", "--no-owner", "--no-privileges", "--no-acl", "--inserts",
    "--column-inserts", "--rows-per-insert", "--no-comments", "--no-sync", "--compress", "--large-objects", "--blobs",
    "--disable-triggers", "--no-tablespaces", "--quote-all-identifiers", "-j", "-v", "-O", "-x", "-Z", "-b",
  ]

  /// - Parameters:
  ///   - session: In the database; it goes back to the others when it is not needed any more.
  ///   - witness: Likewise; nil for one to be looked for.
  ///   - isCounted: Whether anything may be counted, if the entry wants it.
  /// - Throws: `RunCancelled`.
  init(
    of database: String, _ entry: PostgreSQLEntry, in session: PostgreSQLConversation,
    _ witness: PostgreSQLSnapshotWitness?, _ conversations: PostgreSQLConversations, isCounted: Bool,
    context: HookContext
  ) throws {
    self.conversations = conversations
    percent = entry.countPercentage
    needs = {
      let session = try conversations.session(in: database, context)
      defer { conversations.giveBack(session) }
      return try conversations.ask(
        PostgreSQLCensusQuestions.needs, columns: 2, in: session, of: database, context)
    }
    clock = context.clock
    start = context.clock.steadySeconds()
    if let reason = Self.reasonAgainst(entry, isCounted: isCounted) {
      census = nil
      remark = "nothing was counted: \(reason)"
      for session in [session, witness?.session].compactMap(\.self) { conversations.giveBack(session) }
      return
    }
    do {
      let witness = try witness ?? PostgreSQLSnapshotWitness(in: database, conversations, context)
      defer { conversations.giveBack(witness.session) }
      let census = try PostgreSQLCensus(in: session)
      let snapshot = try census.share()
      try witness.attest(snapshot)
      self.census = census
      self.snapshot = snapshot
      remark = nil
      before = witness.sequences
      self.session = session
    } catch {
      session.close()
      if error is RunCancelled { throw error }
      census = nil
      remark = Self.remark((error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)")
    }
  }

  deinit {
    close()
  }

  /// Why nothing is to be counted; nil where it is.
  static func reasonAgainst(_ entry: PostgreSQLEntry, isCounted: Bool) -> String? {
    if entry.countPercentage == 0 { return "count_percentage is 0" }
    if !isCounted { return "the dump failed while something was to be counted beside it" }
    return leavesOut(entry.dumpOptions) ? "the entry's options may leave something out of the dump" : nil
  }

  private static func remark(_ problem: String) -> String {
    "nothing was counted in the dump's snapshot: \(problem)"
  }

  static func leavesOut(_ options: [String]) -> Bool {
    var isValue = false
    for option in options {
      defer {
        isValue = ["-j", "-Z", "--jobs", "--compress", "--lock-wait-timeout", "--rows-per-insert"].contains(option)
      }
      if isValue, !option.begins(with: "-") { continue }
      // One letter may have a number behind it; several letters may be several options.
      let number = (option.after(beginning: "-j") ?? option.after(beginning: "-Z")).flatMap { Int($0) }
      if number == nil, !harmless.contains(option.parts(by: "=")[0]) { return true }
    }
    return false
  }

  /// What pg_dump needs to see the same.
  var arguments: [String] { census == nil ? [] : ["--snapshot=" + snapshot] }

  var isCounting: Bool { census != nil }

  /// Looks which tables pg_dump cannot see the rows of: one that is emptied or rewritten before pg_dump locks it has none in an
  /// older snapshot. A look that fails ends the session, and then nothing is counted either.
  func begin() {
    rewritten = (try? census?.rewritten()) ?? []
  }

  /// - Parameter small: The tables that have hardly any rows in the dump; nil where that is not known.
  /// - Returns: Those that were rewritten; VACUUM FULL and CLUSTER leave the rows to be seen.
  func overtaken(in small: Set<RelationName>?) -> [String] {
    rewritten.filter { small?.contains($0) ?? true }.map(\.shown)
  }

  /// What a dump lacks of the tables that were seen beside it, whatever its program says; to be asked behind `content`.
  func lacking(in watch: BlockPlacesWatch?) -> PostgreSQLDumpLack? {
    guard let seen = census?.seen, let found = watch?.relations() else { return nil }
    return PostgreSQLDumpLack(of: seen, found)
  }

  func content() -> DumpContent? {
    guard let census else { return remark.map(uncounted) }
    defer {
      if let session { conversations.giveBack(session) }
      session = nil
    }
    let spent = clock.steadySeconds() - start
    do {
      var content = try census.count(seconds: max(spent * Double(percent) / 100, Self.least), clock: clock)
      content.sequences.removeAll { before[ExactName($0.name)] != $0.value }
      return content
    } catch {
      return uncounted(Self.remark((error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)"))
    }
  }

  /// What has to be there before it is restored is known all the same, as far as the server tells.
  private func uncounted(_ remark: String) -> DumpContent {
    var content = DumpContent(remark: remark)
    if let rows = try? needs() { content.needs = PostgreSQLCensusQuestions.needs(rows) }
    return content
  }

  /// Ends what is counted for a dump that is none.
  func close() {
    session?.close()
    session = nil
  }
}
