import CofferHooks
import CofferRepository
import CofferSystem
import Glibc

/// The way from a push to a process that keeps the repository open for it; see Documentation/decisions/push-service.md.
///
/// Whatever goes wrong on it, the push stores its file itself: that is always right, only slower.
struct PushServiceLine {
  let folder: Folder
  let name: EntryName
  private let order: PushServiceOrder

  private static let beginning = "service-"
  /// Processes for other command lines and configurations that may wait for pushes: what differs in each push is not to start one each.
  private static let limit = 2
  /// Seconds after which a process that says nothing is given up.
  private static let patience: Double = 5

  /// - Parameters:
  ///   - folder: This user's for pushes of the server to the repository.
  ///   - systemIdentifier: The server's.
  ///   - operand: What differs from one push to the next in the command line.
  /// - Returns: nil where there is to be no such process: the repository is on this machine, somebody asks where the time goes, the
  ///   command line has a secret that would be seen for longer, or it cannot be told what of it differs.
  init?(
    in folder: Folder, to location: RepositoryLocation, of systemIdentifier: UInt64, _ context: ActionContext,
    besides operand: String
  ) {
    guard let configuration = context.configuration?.path, !context.configurationFiles.isEmpty,
      location.folder(context) == nil, !context.run.saysSecrets, context.run.times == nil,
      context.run.arguments.contains(where: operand.isSame),
      let digits = Self.digits(location.place(context), context, besides: operand)
    else { return nil }
    self.folder = folder
    name = EntryName(Self.beginning + digits)
    order = PushServiceOrder(
      name: name.description, configuration: configuration, repository: location.path,
      systemIdentifier: systemIdentifier, arguments: context.run.arguments)
  }

  /// Whether a process was started for pushes like this.
  func isMeant(by order: PushServiceOrder) -> Bool { name == EntryName(order.name) }

  /// What has to be the same for a process to do what this one would: the program, the command line, the environment, the folder that
  /// paths start from, and the configuration as it is now.
  ///
  /// - Parameter place: What decides where the repository's path leads.
  /// - Returns: nil where that cannot be told.
  private static func digits(_ place: [String], _ context: ActionContext, besides operand: String) -> String? {
    let surroundings = context.surroundings
    var words = [Program.version, surroundings.currentFolder, surroundings.hostname] + place
    words += context.run.arguments.filter { !$0.isSame(as: operand) }
    words += surroundings.environment.variables.map { "\($0.key)=\($0.value)" }.sorted()
    for path in [OwnProgram.path] + context.configurationFiles {
      var facts = stat()
      guard stat(path, &facts) == 0 else { return nil }
      words.append(FileVersion(facts).text)
    }
    return LogAhead.digits(of: words)
  }

  /// Has a file stored by the process.
  ///
  /// - Returns: Whether it was not stored before; nil where the process has not stored it.
  /// - Throws: `RunCancelled`; `SystemError` when the file cannot be looked at.
  func push(_ file: WALFile, _ cancellation: Cancellation) throws -> Bool? {
    guard let socket = try? LocalSocket.connect(to: name, in: folder) else { return nil }
    do {
      try LocalSocket.send(PushServiceMessage.Request(file).bytes, to: socket.number)
      while let said = try LocalSocket.receive(from: socket, limit: 1, seconds: Self.patience, cancellation) {
        switch said.first.flatMap(PushServiceMessage.Answer.init) {
        case .working: continue
        case .stored: return true
        case .storedBefore: return false
        case .failed, nil: return nil
        }
      }
      return nil
    } catch is SystemError {
      return nil
    }
  }

  /// How many wait for pushes that are not like this one; names at which others listened that were killed are removed.
  private func others() throws -> Int {
    let names = try folder.names().filter { $0 != name && $0.description.begins(with: Self.beginning) }
    return try names.count { other in
      do throws(SystemError) {
        _ = try LocalSocket.connect(to: other, in: folder)
      } catch {
        guard error.code == ECONNREFUSED else { return error.code != ENOENT }
        try folder.remove(other)
        return false
      }
      return true
    }
  }

  /// Starts the process for pushes to come, unless there is one.
  ///
  /// - Throws: `SystemError`.
  func start() throws {
    guard !Self.isOrphansParent else { return }
    do throws(SystemError) {
      _ = try LocalSocket.connect(to: name, in: folder)
      return
    } catch {
      switch error.code {
      case ENOENT: break
      // It was killed.
      case ECONNREFUSED: try folder.remove(name)
      default: throw error
      }
    }
    guard try others() < Self.limit else { return }
    let listener = try LocalSocket.listen(at: name, in: folder)
    do {
      try DetachedStart.run(order.words, giving: listener)
    } catch {
      try folder.remove(name)
      throw error
    }
  }

  /// Whether PostgreSQL is the first process of a container, whose child this one's would become: it takes one that is killed for one
  /// of its own, and restarts.
  private static var isOrphansParent: Bool {
    guard let file = try? FileDescriptor(opening: "/proc/1/comm", flags: O_RDONLY),
      let name = try? file.readAll(limit: 64, subject: "/proc/1/comm")
    else { return false }
    return name.starts(with: "postgres".utf8)
  }
}
