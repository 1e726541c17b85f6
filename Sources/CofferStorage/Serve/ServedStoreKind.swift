import CofferConfiguration
import CofferSystem

/// Folders of other hosts on which there is a Coffer: `ssh://user@host:port/path` and `user@host:path`.
struct ServedStoreKind: StoreKind {
  let schemes: [String?] = ["ssh"]
  let spellings = ["ssh://user@host/path", "user@host:path"]
  let options = [SSHOptions.command.option, SSHOptions.remotePath.option]

  func store(for request: StoreRequest) throws -> any ObjectStore {
    let address = try SSHAddress(request.address, scheme: "ssh")
    let program = request.options[SSHOptions.remotePath].flatMap { $0.isEmpty ? nil : $0 } ?? "coffer"
    let surroundings = request.surroundings
    let sockets = SSHSockets(surroundings)
    let ssh = SSHCommand(
      request.options[SSHOptions.command], address, .shellLine("\(program) serve"),
      environment: surroundings.environment)
    let advice = SSHAdvice(
      address: address, program: "coffer serve",
      installation: "Install Coffer on \(address.host), or say where it is there: remote_path: /usr/local/bin/coffer. "
        + "Where none can be, an sftp:// address does without it")
    return ServedStore(
      location: request.address.text, path: address.path, limits: ServedStore.limits(stall: request.stallSeconds),
      clock: surroundings.clock,
      meaning: { advice.failure($0, wasGreeted: $1) }, nonsense: { advice.failure($0, wasGreeted: $1) },
      warn: request.warn,
      getReady: { (cancellation) throws(RemoteError) in
        try ssh.getReady(surroundings.launcher, sockets, cancellation)
      },
      connect: { (cancellation) throws(RemoteError) in try ssh.start(surroundings.launcher, sockets, cancellation) })
  }
}
