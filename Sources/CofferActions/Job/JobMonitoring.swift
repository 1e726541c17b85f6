import CofferConfiguration
import CofferHTTP
import CofferMonitoring
import CofferSystem

/// Tells the configured monitoring services how a job goes. What goes wrong with that is only warned of.
struct JobMonitoring {
  private let services: [(name: String, service: any MonitoringService)]
  private let couriers: Couriers
  private let run: CommandRun
  private let actions: [String]

  /// - Parameter actions: Of which some may be of no interest: a restore is not.
  init(_ configuration: Configuration, _ run: CommandRun, actions: [ActionDeclaration]) {
    self.run = run
    self.actions = actions.map(\.name)
    couriers = Couriers(
      http: HTTPClient(userAgent: "coffer/\(Program.version)"), mail: MailClient(hostname: run.surroundings.hostname),
      launcher: run.surroundings.launcher, environment: run.surroundings.environment.withoutPassphrases)
    guard !run.isDryRun, actions.contains(where: \.isMonitored) else {
      services = []
      return
    }
    let root = configuration.root
    let credentials = CredentialResolver(
      root, run.surroundings, cache: run.secrets, cancellation: run.cancellation, run.console)
    services = run.services.services.compactMap { type in
      guard let section = root.given(type.option) else { return nil }
      do {
        let settings = MonitoringSettings(section, of: type.option.name, resolve: credentials.value)
        return (type.option.name, try type.init(settings))
      } catch {
        Self.warn(type.option.name, error, run.console)
        return nil
      }
    }
  }

  func begin() {
    run.collector.begin(actions, at: run.surroundings.clock.now())
    tell(.start)
  }

  /// - Parameter isSkipped: Whether nothing was done because a command said so: neither a success nor a failure.
  func end(_ errors: [any Error], isSkipped: Bool) {
    run.collector.end(at: run.surroundings.clock.now(), errors: errors, isSkipped: isSkipped)
    tell(.log)
    if !isSkipped { tell(errors.isEmpty ? .finish : .fail) }
  }

  /// Tells of a run that was skipped before it began.
  func skip() {
    run.collector.begin(actions, at: run.surroundings.clock.now())
    end([], isSkipped: true)
  }

  /// Tells all services at the same time, so that one that hangs holds up no other.
  private func tell(_ state: MonitoringState) {
    let event = MonitoringEvent(state, report: run.collector.report, log: run.log.lines)
    let errors = Monitor<[String: any Error]>([:])
    let threads = services.filter { $0.service.states.contains(state) }.compactMap { name, service in
      do {
        return try WorkerThread(name: name) { [couriers] in
          do { try service.deliver(event, through: couriers) } catch { errors.update { $0[name] = error } }
        }
      } catch {
        errors.update { $0[name] = error }
        return nil
      }
    }
    for thread in threads { thread.join() }
    for (name, error) in errors.update({ $0 }).sorted(by: { $0.key < $1.key }) { Self.warn(name, error, run.console) }
  }

  private static func warn(_ name: String, _ error: any Error, _ console: Console) {
    let text = Console.text(Diagnosis(of: error))
    console.warning(text.begins(with: name) ? text : "\(name): \(text)")
  }
}

/// Keeps what is said for monitoring services.
struct MonitoringLog: ConsoleSink {
  let buffer: LogBuffer
  /// `monitoring_verbosity`.
  let verbosity: Int

  func take(_ text: String, level: Int) {
    if level <= verbosity { buffer.add(text) }
  }
}
