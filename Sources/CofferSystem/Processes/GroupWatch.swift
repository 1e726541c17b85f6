import CSpawn
import Glibc

/// A process that ends the children's groups when this program is killed: the kernel tells that to a child itself, but not
/// to what the child has started, as a shell or a wrapper does.
///
/// It reads which groups there are. Nobody else holds the other end of what it reads from, so it comes to its end when this
/// program does, however that ends. A child's group is taken off the list before its number can be somebody else's.
final class GroupWatch: Sendable {
  private let line: FileDescriptor
  private let identifier: pid_t

  /// What it has to say of a group that has ended already goes nowhere: whom its errors lead to is gone at that time.
  private static let script = """
    exec 2>/dev/null
    while read -r verb group; do
      others=
      for other in $groups; do [ "$other" = "$group" ] || others="$others $other"; done
      groups=$others
      [ "$verb" = - ] || groups="$groups $group"
    done
    for group in $groups; do kill -s TERM -- "-$group"; kill -s CONT -- "-$group"; done
    """

  /// - Returns: nil where there is no shell to do it, or no room for one more process: children are then ended by the
  ///   kernel alone.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      return nil
    }
    line = FileDescriptor(owning: ends[0])
    let theirs = FileDescriptor(owning: ends[1])
    var started: pid_t = -1
    let code = CStrings.with(["sh", "-c", Self.script]) { arguments in
      CStrings.with(["PATH=/usr/bin:/bin"]) { variables in
        CStrings.with(["/bin/sh", "/", "/dev/null"]) { texts in
          var child = coffer_child(
            path: texts[0], arguments: arguments.baseAddress, environment: variables.baseAddress, folder: texts[1],
            input_path: nil, output_path: texts[2], input: theirs.number, output: -1, error: theirs.number, count: 0,
            ours: nil, theirs: nil, close_from: 3, ends_with_starter: false)
          var call: UnsafePointer<CChar>?
          return coffer_start(&child, &started, &call)
        }
      }
    }
    identifier = started
    guard code == 0 else { return nil }
  }

  deinit {
    guard identifier > 0 else { return }
    shutdown(line.number, Int32(SHUT_RDWR))
    while waitpid(identifier, nil, 0) < 0 && errno == EINTR {}
  }

  /// - Parameter group: Of a child that has just been started.
  func add(_ group: pid_t) { say("+ \(group)\n") }

  /// - Parameter group: Of a child that has ended, and has not been waited for yet.
  func remove(_ group: pid_t) { say("- \(group)\n") }

  private func say(_ text: String) {
    let bytes = Array(text.utf8)
    // One that has been killed itself cannot be told anything; nothing else depends on it.
    _ = send(line.number, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
