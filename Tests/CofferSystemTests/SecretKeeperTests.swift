import Foundation
import Testing

@testable import CofferSystem

/// Containers mostly forbid keyrings; there Coffer does without.
private let hasKeyring: Bool = {
  let name = "coffer-test:\(UUID())"
  KernelKeyring().keep([1], named: name, seconds: 60)
  return KernelKeyring().secret(named: name) == [1]
}()

@Suite("The kernel's keyring", .enabled(if: hasKeyring))
struct KernelKeyringTests {
  private let keyring = KernelKeyring()
  private let name = "coffer-test:\(UUID())"

  @Test("A secret comes back until its time is over, and the last one of a name counts")
  func roundTrip() {
    #expect(keyring.secret(named: name) == nil)
    keyring.keep([1, 2, 3], named: name, seconds: 60)
    #expect(keyring.secret(named: name) == [1, 2, 3])
    let long = (0..<4096).map { UInt8(truncatingIfNeeded: $0) }
    keyring.keep(long, named: name, seconds: 1)
    #expect(keyring.secret(named: name) == long)
    Thread.sleep(forTimeInterval: 2)
    #expect(keyring.secret(named: name) == nil)
  }

  @Test("Nothing is kept without an end, and nothing that is too long")
  func refused() {
    keyring.keep([1], named: name, seconds: 0)
    keyring.keep([UInt8](repeating: 1, count: 4097), named: name, seconds: 60)
    #expect(keyring.secret(named: name) == nil)
  }
}
