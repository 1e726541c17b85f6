import Foundation

extension StoreUnderTest {
  /// The built program at the other end of ssh, where contrib/test has started an sshd and names the program.
  static let servedOverSSH: [StoreUnderTest] = {
    guard let server = SFTPServers.sshd, let program = ProcessInfo.processInfo.environment["COFFER_BINARY"] else {
      return []
    }
    let options = server.options.merging(["remote_path": program]) { $1 }
    return [
      StoreUnderTest("served over ssh", isQuick: false) {
        try SFTPServers.store(address: server.address($0, scheme: "ssh"), options: options)
      }
    ]
  }()
}
