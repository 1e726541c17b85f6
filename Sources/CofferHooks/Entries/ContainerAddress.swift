import CofferSystem
import FoundationEssentials
import Glibc

/// Asks the container engines for a container's address.
enum ContainerAddress {
  static let engines = ["docker", "podman"]

  /// The part of `container inspect` that holds addresses; the same for both engines.
  private struct Networks: Decodable {
    struct Network: Decodable {
      var IPAddress: String?
    }

    var IPAddress: String?
    var Networks: [String: Network]?

    var address: String? {
      let all = [IPAddress] + (Networks ?? [:]).sorted { $0.key < $1.key }.map(\.value.IPAddress)
      return all.compactMap { $0 }.first { !$0.isEmpty }
    }
  }

  /// - Throws: `ContainerError`; `RunCancelled`.
  static func find(_ container: String, context: HookContext) throws -> String {
    var complaints: [String] = []
    for engine in engines {
      let command = ChildCommand(
        engine, ["container", "inspect", "--format={{json .NetworkSettings}}", container],
        environment: context.environment)
      let result: CommandResult
      do {
        result = try context.launcher.run(command, cancellation: context.cancellation)
      } catch is LaunchError {
        continue
      }
      guard result.status.isSuccess else {
        complaints.append("\(engine): \(result.errorLines.last ?? "exit status \(result.status.code)")")
        continue
      }
      let networks = try? JSONDecoder().decode(Networks.self, from: Data(result.output))
      if let address = networks?.address { return address }
      complaints.append("\(engine): it has no address")
    }
    throw complaints.isEmpty ? ContainerError.noEngine(container) : .notFound(container, complaints)
  }
}

/// A container whose address is not known.
public enum ContainerError: DiagnosableError, Equatable {
  case noEngine(String)
  /// With what each engine said.
  case notFound(String, [String])

  public var diagnosis: Diagnosis {
    switch self {
    case .noEngine(let name):
      Diagnosis(
        subject: "container \(name)", problem: "Neither docker nor podman is there to be asked for its address",
        suggestion: "Install one, or set hostname and port in place of container")
    case .notFound(let name, let complaints):
      Diagnosis(
        subject: "container \(name)", problem: "It has no address: \(complaints.joined(separator: "; "))",
        suggestion: "Check its name and that it runs, or set hostname and port in place of container")
    }
  }
}
