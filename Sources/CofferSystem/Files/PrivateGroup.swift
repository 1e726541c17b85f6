import CSystem
import Glibc
import Synchronization

/// Groups that have one user only, as most systems make one for each: what such a group may do, its user may do, and nobody
/// else. With the umask 002, all that such users make is writable for their groups.
public struct PrivateGroup: Sendable {
  /// A user's name and primary group; nil for a user that the system does not know.
  public var user: @Sendable (uid_t) -> (name: String, group: gid_t)?
  /// A group's name and its users, listed for it or having it as their primary one; nil for a group that the system does not
  /// know.
  public var group: @Sendable (gid_t) -> (name: String, members: [String])?

  public init(
    user: @escaping @Sendable (uid_t) -> (name: String, group: gid_t)?,
    group: @escaping @Sendable (gid_t) -> (name: String, members: [String])?
  ) {
    self.user = user
    self.group = group
  }

  /// Whether the group is the user's primary one, has his name, and nobody else is in it.
  public func isPrivate(_ id: gid_t, of userID: uid_t) -> Bool {
    guard let user = user(userID), user.group == id, let group = group(id) else { return false }
    return group.name.isSame(as: user.name) && group.members.allSatisfy { $0.isSame(as: user.name) }
  }

  /// Whether users may write to what has these facts who are neither its owner, nor root, nor this user.
  ///
  /// - Parameter hasList: Whether it has an access list; the group's rights are then those of everybody listed.
  public func mayOthersWrite(_ facts: stat, hasList: Bool) -> Bool {
    if facts.st_mode & 0o002 != 0 { return true }
    guard facts.st_mode & 0o020 != 0 else { return false }
    if hasList { return true }
    return !Set([facts.st_uid, geteuid()]).contains { isPrivate(facts.st_gid, of: $0) }
  }

  /// The system's own users and groups.
  public static let system = PrivateGroup(
    user: { id in
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      var text = [CChar](repeating: 0, count: bufferSize)
      guard getpwuid_r(id, &entry, &text, text.count, &found) == 0, found != nil else { return nil }
      return (String(cString: entry.pw_name), entry.pw_gid)
    },
    group: { id in
      var entry = Glibc.group()
      var found: UnsafeMutablePointer<Glibc.group>?
      var text = [CChar](repeating: 0, count: bufferSize)
      guard getgrgid_r(id, &entry, &text, text.count, &found) == 0, found != nil else { return nil }
      var members: [String] = []
      var next = entry.gr_mem
      while let member = next?.pointee {
        members.append(String(cString: member))
        next = next?.advanced(by: 1)
      }
      return (String(cString: entry.gr_name), members + primaryUsers(of: id))
    })

  /// The users by their primary groups, once they were asked for: there may be many, and each file and folder on a way asks.
  /// The system keeps one position in its list for the whole process, so the lock is held meanwhile.
  private static let enumerated = Mutex<[gid_t: [String]]?>(nil)

  /// Users of directories that do not enumerate theirs are not seen.
  private static func primaryUsers(of id: gid_t) -> [String] {
    enumerated.withLock { known in
      if let known { return known[id] ?? [] }
      setpwent()
      defer { endpwent() }
      var users: [gid_t: [String]] = [:]
      while let entry = getpwent() {
        users[entry.pointee.pw_gid, default: []].append(String(cString: entry.pointee.pw_name))
      }
      known = users
      return users[id] ?? []
    }
  }

  /// Bytes. A group that needs more has many members.
  private static let bufferSize = 1 << 16
}

extension Folder {
  /// Whether users may write to an open file or folder who are neither its owner, nor root, nor this user.
  ///
  /// - Parameter facts: Its own.
  public static func mayOthersWrite(_ facts: stat, _ descriptor: Int32) -> Bool {
    facts.st_mode & 0o022 != 0 && PrivateGroup.system.mayOthersWrite(facts, hasList: hasAccessList(descriptor))
  }

  /// What cannot be told counts as a list.
  private static func hasAccessList(_ descriptor: Int32) -> Bool {
    let name = "system.posix_acl_access"
    var length = fgetxattr(descriptor, name, nil, 0)
    // Descriptors that are good for a way only know nothing of this.
    if length < 0, errno == EBADF { length = getxattr("/proc/self/fd/\(descriptor)", name, nil, 0) }
    return length >= 0 || errno != ENODATA && errno != EOPNOTSUPP
  }
}
