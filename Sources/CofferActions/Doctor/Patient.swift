import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem

/// A configuration file that the doctor looks at, with what belongs to it.
final class Patient {
  let run: CommandRun
  let configuration: Configuration
  /// Those that are configured, in their order.
  let repositories: [RepositoryLocation]
  private var opened: [ExactName: Result<OpenRepository, any Error>] = [:]
  private var statuses: [ExactName: Result<RepositoryStatus, any Error>] = [:]

  init(_ run: CommandRun, _ configuration: Configuration) {
    var run = run.adapted(to: configuration)
    run.looksOnly = true
    self.run = run
    self.configuration = configuration
    repositories = configuration.repositories.map(RepositoryLocation.init)
  }

  /// What an action that reads everything would be given.
  ///
  /// - Parameter location: Whose own options are to count; nil for those of the file's top.
  func context(_ location: RepositoryLocation? = nil) -> ActionContext {
    let configuration = location.map { self.configuration.focused(on: $0.section) } ?? self.configuration
    var action = DoctorAction.reading
    action.stores = run.stores
    action.hooks = run.hooks
    action.services = run.services
    return ActionContext(
      run, ParsedCommandLine.Invocation(action: action, flags: FlagValues()), configuration,
      files: configuration.filesRead, repositories: location.map { [$0] } ?? repositories)
  }

  /// Looks at each server of the configuration whose log is received.
  ///
  /// - Parameter examine: Asks a server; what it throws is what is wrong.
  /// - Throws: `RunCancelled`; what keeps all of them from being asked.
  func findings<Entry>(
    of entries: [Entry], section: (Entry) -> ConfigurationSection,
    _ examine: (Entry, HookContext) throws -> [Finding]
  ) throws -> [Finding] {
    guard !entries.isEmpty else { return [] }
    let hooks = try context().hookContext()
    return try entries.flatMap { entry -> [Finding] in
      try hooks.cancellation.check()
      if let fault = section(entry).fault() { return [.problem("\(fault.mark)", fault.message, fault.suggestion)] }
      do {
        return try examine(entry, hooks)
      } catch let error as RunCancelled {
        throw error
      } catch {
        return Finding.problems(error)
      }
    }
  }

  /// Opens a repository, once.
  ///
  /// - Throws: What kept it from being opened.
  func open(_ location: RepositoryLocation) throws -> OpenRepository {
    let key = ExactName(location.path)
    if let known = opened[key] { return try known.get() }
    let result = Result { try context(location).open(location) }
    opened[key] = result
    return try result.get()
  }

  /// How backups stand there.
  ///
  /// - Throws: What kept the repository from being opened or read.
  func status(_ location: RepositoryLocation) throws -> RepositoryStatus {
    let key = ExactName(location.path)
    if let known = statuses[key] { return try known.get() }
    let result = Result {
      var failures: [any Error] = []
      let status = try StatusReading(context(location), try open(location), depth: Self.depth)
        .read { failures.append($0) }
      if !failures.isEmpty { throw SeveralErrors(failures) }
      return status
    }
    statuses[key] = result
    return try result.get()
  }

  /// Archives that are looked into.
  private static let depth = 10

  /// Examines every repository that can be opened; that one cannot is found by the examination of repositories alone.
  func forEachOpen(_ body: (RepositoryLocation, OpenRepository) throws -> [Finding]) throws -> [Finding] {
    var findings: [Finding] = []
    for location in repositories {
      try run.cancellation.check()
      guard let access = try? open(location) else { continue }
      do { findings += try body(location, access) } catch let error as RunCancelled { throw error } catch {
        findings += Finding.problems(error)
      }
    }
    return findings
  }
}
