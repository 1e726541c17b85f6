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
