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
}
