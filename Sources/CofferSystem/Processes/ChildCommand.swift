/// A program to be started: everything about it, nothing of the moment.
public struct ChildCommand: Sendable, Equatable {
  /// Where one of the child's three standard streams goes.
  public enum Stream: Sendable, Equatable {
    /// `/dev/null`.
    case null
    /// A pipe whose other end the starter gets.
    case pipe
    /// A path, opened by the child before it runs; for a FIFO that somebody reads already.
    case path(String)
    /// Kept for the error message's tail; for standard error only.
    case tail
  }

  /// A name to be looked up on the PATH of `environment`, or a path.
  public var executable: String
  /// The file that runs, where that is another than `executable` leads to; messages call it by that all the same.
  public var file: String?
  public var arguments: [String]
  /// The child's whole environment.
  public var environment: ProcessEnvironment
  public var workingDirectory: String?
  public var input: Stream
  public var output: Stream
  /// Further descriptors that the child gets: its number for each, 3 or more, and ours. The child can name them as
  /// `/dev/fd/NUMBER`.
  public var inherited: [Int32: Int32] = [:]
  /// Whether what the child leaves running in the background goes on when it has ended, rather than being killed.
  public var leavesBackground = false
  /// Whether the child is ended when this program ends, be it by SIGKILL. Only what must get to its end once it is
  /// begun goes on alone.
  public var endsWithStarter = true
  /// Whether it is this program, which need not be started anew where one of it waits already (`Nursery`).
  public var branchesOff = false
  /// How programs are installed that may be what this runs, by their names: said where it is missing.
  public var installations: [String: String] = [:]
  /// How much of its standard error is kept: the last bytes of it.
  public var errorLimit = ErrorLimit()

  /// Room for what a child says on standard error.
  public struct ErrorLimit: Sendable, Equatable {
    public var bytes: Int
    public var lines: Int

    public init(bytes: Int = 16 << 10, lines: Int = 25) {
      self.bytes = bytes
      self.lines = lines
    }
  }

  public init(
    _ executable: String, _ arguments: [String] = [], environment: ProcessEnvironment,
    workingDirectory: String? = nil, input: Stream = .null, output: Stream = .null
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.input = input
    self.output = output
  }
}

extension ChildCommand {
  /// The same of a program that one of these installs.
  public func installed(by installations: [String: String]) -> ChildCommand {
    var command = self
    command.installations = installations
    return command
  }

  var notFound: LaunchError {
    let name = executable.parts(by: "/", keepingEmpty: false).last ?? executable
    return .notFound(program: executable, installation: installations[name])
  }
}

/// How a child ended.
public enum ExitStatus: Sendable, Equatable {
  case exited(Int32)
  case signalled(Int32)

  public var isSuccess: Bool { self == .exited(0) }

  /// The status as a shell would give it.
  public var code: Int32 {
    switch self {
    case .exited(let code): code
    case .signalled(let signal): 128 + signal
    }
  }
}

/// A program that could not be started.
public enum LaunchError: DiagnosableError, Equatable {
  /// No such program on the PATH.
  ///
  /// - Parameter installation: How it is installed; nil where that is not known.
  case notFound(program: String, installation: String? = nil)
  case failed(program: String, cause: SystemError)

  /// The call that fails where the folder to run in is missing.
  static let enteringFolder = "chdir"

  public var diagnosis: Diagnosis {
    switch self {
    case .notFound(let program, let installation):
      Diagnosis(
        subject: program, problem: "The program is not installed, or not on the PATH",
        suggestion: installation ?? "Install it, or correct the command in the configuration")
    case .failed(let program, let cause) where cause.call.isSame(as: Self.enteringFolder):
      Diagnosis(
        subject: cause.subject, problem: "\(program) cannot be run in this folder: \(cause.reason)",
        suggestion: "Correct working_directory, or make the folder")
    case .failed(let program, let cause):
      Diagnosis(
        subject: program, problem: "The program could not be started: \(cause.reason)",
        suggestion: cause.isShortage
          ? cause.diagnosis.suggestion : "Check that it is an executable file for this machine")
    }
  }
}
