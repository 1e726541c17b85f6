import CofferSystem
import Foundation
import Testing

/// Where receivers of a server's log are started and ended.
protocol ReceiverGround {}

extension ReceiverGround {
  /// Ends a receiver at once, whatever it is doing.
  func crash(_ child: ChildProcess) {
    kill(child.identifier, SIGKILL)
    _ = child.wait(seconds: 30)
  }

  /// Stops a receiver as a service does.
  func stop(_ child: ChildProcess) throws {
    kill(child.identifier, SIGTERM)
    #expect(child.wait(seconds: 60) == .exited(0), "\(child.lastErrorLines)")
  }

  /// A script in the place of ssh: the host that it reaches is a folder, and is there while that has a file `up`.
  func wayToHost(in folder: String, _ binary: String) -> String {
    """
    test -e \(folder)/up || { echo 'ssh: connect to host here port 22: Connection refused' >&2; exit 255; }
    cd \(folder) && exec \(binary) serve

    """
  }

  /// Has a repository take no log, as one that is away. Root may write anywhere: what is no folder takes nothing of anybody.
  func takeLogsAway(from repository: String) throws {
    let logs = "\(repository)/logs"
    try FileManager.default.moveItem(atPath: logs, toPath: logs + ".away")
    try "".write(toFile: logs, atomically: true, encoding: .utf8)
  }

  func bringLogsBack(to repository: String) throws {
    let logs = "\(repository)/logs"
    try FileManager.default.removeItem(atPath: logs)
    try FileManager.default.moveItem(atPath: logs + ".away", toPath: logs)
  }
}
