import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// Sets a machine up: finds, asks, writes, makes the repository. What is there stays as it is, so that it can be begun again
/// whenever it was stopped.
struct Setup {
  private let context: ActionContext
  private let dialogue: Dialogue
  /// Where the configuration is or will be; absolute.
  private let path: String

  init(_ context: ActionContext) throws {
    self.context = context
    dialogue = Dialogue(context)
    let named = context.run.globals[GlobalFlags.config]
    guard named.count < 2 else {
      throw UsageError(
        argument: GlobalFlags.config.name, problem: "One configuration is written, and several are named",
        suggestion: "Name one file")
    }
    let folder = geteuid() == 0 ? "/etc" : context.surroundings.environment[.configuration]
    path = context.absolutePath(named.first ?? "\(folder)/coffer/config.yaml")
  }

  private var passphrasePath: String { UserPath.parent(of: path) + "/passphrase" }

  /// - Throws: Whatever keeps it from coming to its end; what was written until then stays, and is taken up the next time.
  func run() throws {
    let isThere = FileManager.default.fileExists(atPath: path)
    if isThere {
      context.console.answer("\(path): It is there and stays as it is")
      try tellConnections(Patient(context.run, try context.run.loader.load(path)))
    } else {
      let configuration = try proposal()
      // What it writes is valid, whatever others have called their things.
      _ = try ConnectionTrial.load(configuration.text, context.run)
      guard !context.isDryRun else { return tellPlan(configuration) }
      try write(configuration)
    }
    guard !context.isDryRun else { return context.console.answer("Would make the repositories of \(path)") }
    try call(["repo-create", "--encryption", context.flags[InitAction.encryption].rawValue])
    let isBackedUp = try firstBackup()
    try everyDay()
    tellWhatToKeep(isBackedUp: isBackedUp)
  }

  // MARK: - What to write

  private func proposal() throws -> NewConfiguration {
    var configuration = NewConfiguration(
      repository: try repository(), encryption: context.flags[InitAction.encryption].rawValue,
      passphrase: passphrasePath)
    try takeServers(into: &configuration)
    try takeFiles(into: &configuration)
    configuration.sources = context.flags[InitAction.source].map(context.absolutePath)
    guard !configuration.databases.isEmpty || !configuration.sources.isEmpty else {
      throw UsageError(
        argument: "init", problem: "Nothing was found or named that could be backed up",
        suggestion: "Start the servers, name folders with SQLite files (--sqlite FOLDER) or files (--source PATH), or "
          + "write a configuration by 'coffer config generate'")
    }
    return configuration
  }

  private func repository() throws -> String {
    if let place = context.flags[InitAction.place] { return absolute(place) }
    let answer = try dialogue.text(
      "Where are backups to be kept? A folder, of another disk if you can; or ssh://, sftp://, s3://:")
    guard !answer.isEmpty else {
      throw UsageError(
        argument: InitAction.place.name, problem: "Nothing says where backups are to be kept",
        suggestion: "Write, for example, '--to /mnt/backup/databases'")
    }
    return absolute(answer)
  }

  /// Addresses stay as they are written.
  private func absolute(_ place: String) -> String {
    let isAddress = place.holds(":") && !["/", ".", "~"].contains { place.begins(with: $0) }
    return isAddress ? place : context.absolutePath(place)
  }

  private func takeServers(into configuration: inout NewConfiguration) throws {
    guard !context.flags.contains(InitAction.noServers) else { return }
    let trial = ConnectionTrial(context.run)
    for server in LocalServers().found() {
      try context.cancellation.check()
      context.console.step("Found \(server.title)")
      let (proposal, outcome) = try trial.first(of: DatabaseProposal.ways(to: server, isRoot: geteuid() == 0))
      guard outcome.isReached else {
        let problem = outcome.problems.first ?? "it does not answer"
        configuration.unreachable.append((proposal, problem))
        context.console.warning(
          "\(server.title): It is not backed up, for it could not be reached: \(problem)\n"
            + "  Give it a user and a password in \(path), where it stands as a comment")
        continue
      }
      guard try dialogue.confirms("Back up all databases of \(server.title)?", proposal: true) else { continue }
      configuration.databases.append(proposal)
      context.console.answer("\(server.title): reached; all of its databases are to be backed up")
      for problem in outcome.problems { context.console.warning("It cannot be dumped as it is: \(problem)") }
    }
  }

  private func takeFiles(into configuration: inout NewConfiguration) throws {
    var places = context.flags[InitAction.sqlite]
    if places.isEmpty {
      let answer = try dialogue.text("Folders to look for SQLite databases in, parted by blanks (none: Return):")
      places = answer.isEmpty ? [] : try ShellWords.split(answer)
    }
    var finder = SQLiteFinder(context.cancellation)
    let found = try finder.databases(below: places.map(context.absolutePath))
    for warning in finder.warnings { context.console.warning(warning) }
    let trial = ConnectionTrial(context.run)
    for database in found {
      let proposal = DatabaseProposal(database)
      guard try dialogue.confirms("Back up \(proposal.title)?", proposal: true) else { continue }
      if let problem = try trial.outcome(of: proposal).problems.first {
        configuration.unreachable.append((proposal, problem))
        context.console.warning("\(proposal.title): It is not backed up: \(problem)")
      } else {
        configuration.databases.append(proposal)
        context.console.answer("\(proposal.title): it can be read, and is to be backed up")
      }
    }
  }

  // MARK: - Writing

  private func tellPlan(_ configuration: NewConfiguration) {
    context.console.answer("Would write \(path):")
    context.console.output(configuration.text)
    context.console.answer("Would write a random passphrase to \(passphrasePath), for its owner alone")
    context.console.answer("Would make the repository \(configuration.repository)")
  }

  /// The passphrase first: a configuration that is there can be used.
  private func write(_ configuration: NewConfiguration) throws {
    let secret = try NewFile(passphrasePath, makesFolders: true)
    if try secret.isThere {
      context.console.answer("\(passphrasePath): It is there and stays as it is")
    } else {
      try secret.write(Array((try NewSecret.passphrase(context.surroundings.random) + "\n").utf8))
      context.console.answer("Wrote \(passphrasePath), which only its owner can read")
    }
    try NewFile(path, makesFolders: true).write(Array(configuration.text.utf8))
    context.console.answer("Wrote \(path)")
  }

  private func tellConnections(_ patient: Patient) throws {
    for finding in try DatabaseExamination().findings(patient) {
      if finding.grade == .ok {
        context.console.answer("\(finding.subject): \(finding.text)")
      } else {
        context.console.warning("\(finding.subject): \(finding.text)" + (finding.remedy.map { "\n  \($0)" } ?? ""))
      }
    }
  }

  // MARK: - The first backup, and those after it

  /// Runs another action with the configuration.
  ///
  /// - Throws: What kept it from succeeding; it was told.
  private func call(_ words: [String]) throws {
    let run = try context.run.calling(["--config", path] + words)
    let files = try ConfigurationFiles(run)
    let failures = files.failures + (try JobList(files, run).runEverything())
    guard failures.isEmpty else { throw SetupStopped(action: words[0], path: path) }
  }

  private func firstBackup() throws -> Bool {
    let isWanted =
      try context.flags.contains(InitAction.backup)
      || dialogue.isOpen && dialogue.confirms("Make the first backup now?", proposal: true)
    guard isWanted else { return false }
    try call(["create", "--stats"])
    return true
  }

  private static let timer = "coffer.timer"
  /// What the timer's service reads.
  private static let timedConfiguration = "/etc/coffer/config.yaml"

  private var hasTimer: Bool {
    geteuid() == 0 && path.isSame(as: Self.timedConfiguration)
      && ["/usr/lib", "/lib", "/etc"].contains { folder in
        FileManager.default.fileExists(atPath: "\(folder)/systemd/system/\(Self.timer)")
      }
  }

  /// The timer of the package, where there is one and somebody wants it; else the lines for cron that do the same.
  private func everyDay() throws {
    let isAsked = context.flags.contains(InitAction.timer)
    let isWanted =
      try hasTimer
      && (isAsked || dialogue.isOpen && dialogue.confirms("Back up every day, by systemd's timer?", proposal: true))
    guard isWanted else {
      if isAsked {
        context.console.warning(
          "There is no \(Self.timer) here that reads \(path); the lines below do the same")
      }
      return tellCron()
    }
    let result = try context.surroundings.launcher.run(
      ChildCommand(
        "systemctl", ["enable", "--now", Self.timer], environment: context.surroundings.environment.withoutPassphrases),
      cancellation: context.cancellation)
    guard result.status.isSuccess else {
      return context.console.warning(
        "The timer could not be started: \(result.errorLines.last ?? "systemctl failed")\n"
          + "  systemctl enable --now \(Self.timer)")
    }
    context.console.answer("Backups are made every day: 'systemctl list-timers \(Self.timer)' says when")
  }

  private func tellCron() {
    let isRoot = geteuid() == 0
    let name = isRoot ? "  root" : ""
    context.console.answer(
      """
      To back up every day, put this into \(isRoot ? "/etc/cron.d/coffer" : "'crontab -e'"):
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        17 3 * * *\(name)  \(Quoting.pastedWord(OwnProgram.file)) --config \(Quoting.pastedWord(path))
      """, keepingLines: true)
  }

  private func tellWhatToKeep(isBackedUp: Bool) {
    let config = "--config \(Quoting.pastedWord(path))"
    let first = isBackedUp ? [] : ["Make the first backup:  coffer create --stats \(config)"]
    let lines =
      first + [
        "Keep at a second place: the passphrase in \(passphrasePath), and the key:  "
          + "coffer key export --qr-html --path key.html \(config)",
        "See that all is well:   coffer doctor \(config)", "Every morning:          coffer status \(config)",
      ]
    for line in lines { context.console.answer(line) }
  }
}

/// One of the steps did not succeed; why was told.
struct SetupStopped: DiagnosableError, Equatable {
  let action: String
  let path: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "init", problem: "'\(action)' did not succeed, for the reason above",
      suggestion: "Mend that and begin again: what was written stays, and \(Quoting.terminal(path)) is used as it is")
  }
}
