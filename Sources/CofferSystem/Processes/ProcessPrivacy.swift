import CSystem
import Glibc

/// What the program holds in memory, passphrases, keys and the contents of databases, stays there.
public enum ProcessPrivacy {
  /// Forbids the system to write this process's memory to a file when it crashes, and other programs of the same user to
  /// look into it. Programs that it starts write no such files either, unless they ask for it: they are given passwords.
  public static func keepMemory() {
    coffer_forbid_dumps()
    var limit = rlimit()
    // A handler of crashes that the system pipes memory to asks the process, not the limit; so both are set.
    guard getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = 0
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
  }
}
