import CSystem
import Glibc

/// Starting this program anew for work that nobody waits for: in a session of its own, with nothing of whoever starts it but its
/// environment, its folder and one descriptor.
public enum DetachedStart {
  /// Of the descriptor that it is given.
  public static let number: Int32 = 3

  /// - Parameter arguments: Without the program's name.
  /// - Throws: `SystemError`.
  public static func run(_ arguments: [String], giving descriptor: borrowing FileDescriptor) throws(SystemError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // First: what is in the way may be what is given.
    posix_spawn_file_actions_adddup2(&actions, descriptor.number, number)
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
      posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0)
    }
    // A pipe that somebody reads to its end must have one.
    posix_spawn_file_actions_addclosefrom_np(&actions, number + 1)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | coffer_spawn_session)
    _ = try OwnProgram.start(arguments, .current(), &actions, &attributes)
  }
}
