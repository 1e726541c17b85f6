import CSystem
import Foundation
import Testing

@testable import CofferSystem

@Suite("Groups of one user")
struct PrivateGroupTests {
  /// Alice and Carol have groups of their own; Bob was put into Carol's; Dave's is shared by all.
  private let groups = PrivateGroup(
    user: { id in
      [1000: ("alice", 1000), 1001: ("bob", 1001), 1002: ("carol", 1002), 1003: ("dave", 100)][id]
    },
    group: { id in
      [
        1000: ("alice", []), 1002: ("carol", ["carol", "bob"]), 100: ("users", []),
        1001: ("b\u{f6}b", []), 2000: ("alice", ["alice"]),
      ][id]
    })

  private func facts(_ mode: mode_t, _ user: uid_t, _ group: gid_t) -> stat {
    var facts = stat()
    facts.st_mode = S_IFREG | mode
    facts.st_uid = user
    facts.st_gid = group
    return facts
  }

  @Test("A file that a user's own group may write is nobody else's")
  func own() {
    #expect(!groups.mayOthersWrite(facts(0o664, 1000, 1000), hasList: false))
    #expect(!groups.mayOthersWrite(facts(0o644, 1003, 100), hasList: false))
  }

  @Test("Of a shared group, of a group with members, and of everybody it is")
  func shared() {
    for (mode, user, group) in [
      (0o664, 1002, 1002), (0o660, 1003, 100), (0o666, 1000, 1000), (0o602, 1000, 1000), (0o664, 1000, 2000),
      (0o664, 1001, 1001), (0o664, 1000, 9999), (0o664, 9999, 1000),
    ] as [(mode_t, uid_t, gid_t)] {
      #expect(groups.mayOthersWrite(facts(mode, user, group), hasList: false), "\(mode) \(user) \(group)")
    }
  }

  @Test("Whoever is owner and user at once is looked at once")
  func once() {
    let asked = Monitor<[uid_t]>([])
    let counting = PrivateGroup(
      user: { id in
        asked.update { $0.append(id) }
        return nil
      }, group: { _ in nil })
    #expect(counting.mayOthersWrite(facts(0o664, geteuid(), 5), hasList: false))
    #expect(asked.update { $0 } == [geteuid()])
    #expect(counting.mayOthersWrite(facts(0o664, geteuid() + 1, 5), hasList: false))
    #expect(asked.update { $0 }.count == 3)
  }

  @Test("Users whose primary group it is are in it, though no list has them")
  func primary() throws {
    let user = try #require(PrivateGroup.system.user(0))
    let group = try #require(PrivateGroup.system.group(user.group))
    #expect(group.members.contains(user.name))
  }

  @Test("Where there is an access list, the group's rights are those of everybody in it")
  func lists() {
    #expect(groups.mayOthersWrite(facts(0o664, 1000, 1000), hasList: true))
    #expect(!groups.mayOthersWrite(facts(0o644, 1000, 1000), hasList: true))
  }

  @Test("Of an open folder, be it one to pass through only, the system knows whether there is a list")
  func system() throws {
    var template = Array("/tmp/coffer-group-XXXXXX".utf8CString)
    let made = try #require(mkdtemp(&template))
    let path = String(cString: made)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let user = try #require(PrivateGroup.system.user(geteuid()))
    chmod(path, 0o770)
    let isPrivate = PrivateGroup.system.isPrivate(getegid(), of: geteuid())
    #expect(isPrivate || !user.name.isSame(as: "root"))
    let folder = try Folder(opening: path)
    #expect(Folder.mayOthersWrite(try folder.status(), folder.number) == !isPrivate)
    if isPrivate { _ = try Folder.trusted(path, .folders) }
    // user::rwx, user 65534:rwx, group::rwx, mask::rwx, other::---; see acl_ea.h of the kernel.
    var list: [UInt8] = [2, 0, 0, 0]
    for (tag, rights, id) in [
      (1, 7, 0xffff_ffff), (2, 7, 65534), (4, 7, 0xffff_ffff), (16, 7, 0xffff_ffff), (32, 0, 0xffff_ffff),
    ]
      as [(UInt8, UInt8, UInt32)]
    {
      list += [tag, 0, rights, 0] + (0..<4).map { UInt8(truncatingIfNeeded: id >> ($0 * 8)) }
    }
    guard setList(path, list) else { return }  // The file system has no lists.
    #expect(Folder.mayOthersWrite(try folder.status(), folder.number))
    #expect(throws: UntrustedPlace.self) { _ = try Folder.trusted(path, .folders) }
  }

  private func setList(_ path: String, _ bytes: [UInt8]) -> Bool {
    setxattr(path, "system.posix_acl_access", bytes, bytes.count, 0) == 0
  }
}
