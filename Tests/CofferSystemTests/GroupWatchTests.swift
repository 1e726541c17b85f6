import Foundation
import Testing

@testable import CofferSystem

@Suite("The process that ends what children have started")
struct GroupWatchTests {
  /// Starts a program that leads a group of its own.
  private func startSleeping() throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The threads of tests keep signals off, and children have that from them.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setpgroup(&attributes, 0)
    let texts: [String] = ["sleep", "300"]
    let words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    defer { for word in words { free(word) } }
    var identifier: pid_t = 0
    let code = posix_spawn(&identifier, "/bin/sleep", nil, &attributes, words + [nil], environ)
    try #require(code == 0)
    return identifier
  }

  /// How it ended: the signal's number.
  private func signalThatEnded(_ identifier: pid_t) -> Int32 {
    var status: Int32 = 0
    return waitpid(identifier, &status, 0) == identifier ? status & 0x7f : -1
  }

  @Test("A group that is gone already keeps no other from being ended, and one that was taken off is left alone")
  func severalGroups() throws {
    let gone = try startSleeping()
    let living = try startSleeping()
    let spared = try startSleeping()
    kill(gone, SIGKILL)
    #expect(signalThatEnded(gone) == SIGKILL)
    var watch = try #require(GroupWatch())
    for group in [gone, living, spared] { watch.add(group) }
    watch.remove(spared)
    // The first is given up, and looks after its groups.
    watch = try #require(GroupWatch())
    #expect(signalThatEnded(living) == SIGTERM)
    #expect(kill(spared, 0) == 0)
    kill(spared, SIGKILL)
    #expect(signalThatEnded(spared) == SIGKILL)
    _ = watch
  }
}
