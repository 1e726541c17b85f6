import CofferSystem
import FoundationEssentials
import Glibc

/// Who the users of this process are outside of its user namespace (user_namespaces(7)).
struct UserNamespace {
  /// Whether root here is root of a whole system, a container's for example, and not one user under another name.
  let isSystem: Bool

  /// - Parameters:
  ///   - users: What /proc/self/uid_map says; nil when it cannot be read.
  ///   - groups: The same of gid_map.
  init(users: String?, groups: String?) {
    isSystem = [users, groups].allSatisfy { map in
      let first = map?.lines().first?.words.compactMap { UInt64($0) } ?? []
      return first.count == 3 && first[0] == 0 && first[2] > 1
    }
  }

  static func current() -> UserNamespace {
    func text(_ name: String) -> String? {
      FileManager.default.contents(atPath: "/proc/self/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }
    return UserNamespace(users: text("uid_map"), groups: text("gid_map"))
  }
}
