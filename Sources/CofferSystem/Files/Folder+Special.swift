import CSystem
import FoundationEssentials
import Glibc

extension Folder {
  /// What is neither file, folder nor link.
  public enum Special: Sendable {
    case fifo, socket
    case characterDevice(major: UInt32, minor: UInt32)
    case blockDevice(major: UInt32, minor: UInt32)
  }

  /// Makes a special file that must not be there yet, for its owner only.
  ///
  /// - Throws: `SystemError`.
  public func makeSpecial(_ name: EntryName, _ kind: Special) throws(SystemError) {
    let (type, device): (mode_t, UInt) =
      switch kind {
      case .fifo: (S_IFIFO, 0)
      case .socket: (S_IFSOCK, 0)
      case .characterDevice(let major, let minor): (S_IFCHR, coffer_device(major, minor))
      case .blockDevice(let major, let minor): (S_IFBLK, coffer_device(major, minor))
      }
    try call("mknod", name) { mknodat(number, $0, type | 0o600, dev_t(device)) }
  }

  /// Gives what is open, and whatever it is, another name, which must not be there yet.
  ///
  /// - Parameter opened: Open by its place (`O_PATH`).
  /// - Throws: `SystemError`.
  public func makeHardLink(_ name: EntryName, to opened: borrowing FileDescriptor) throws(SystemError) {
    let original = opened.number
    try call("link", name) { new in
      let result = linkat(original, "", number, new, coffer_at_empty_path)
      // Only who may read everything is allowed that; the others name the descriptor.
      guard result != 0, errno == ENOENT || errno == EPERM else { return result }
      return linkat(AT_FDCWD, "/proc/self/fd/\(original)", number, new, AT_SYMLINK_FOLLOW)
    }
  }

  /// Opens what has the name by its place only: nothing of it is read, and what it is does not matter.
  ///
  /// - Throws: `SystemError`.
  public func openPlace(_ name: EntryName) throws(SystemError) -> FileDescriptor {
    try open(name, flags: coffer_open_path)
  }

  /// Sets the owner and the group of what has the name; of a link itself.
  ///
  /// - Throws: `SystemError`.
  public func setOwner(_ user: uid_t, _ group: gid_t, of name: EntryName) throws(SystemError) {
    try call("chown", name) { fchownat(number, $0, user, group, AT_SYMLINK_NOFOLLOW) }
  }

  /// Sets the permissions of what has the name, through a link if it is one: only in folders that nobody else writes in.
  ///
  /// - Throws: `SystemError`.
  public func setMode(_ mode: mode_t, of name: EntryName) throws(SystemError) {
    try call("chmod", name) { fchmodat(number, $0, mode, 0) }
  }

  /// Sets the times of the last access and change of what has the name; of a link itself.
  ///
  /// - Throws: `SystemError`.
  public func setTimes(accessed: timespec, modified: timespec, of name: EntryName) throws(SystemError) {
    let times = [accessed, modified]
    try call("utimens", name) { utimensat(number, $0, times, AT_SYMLINK_NOFOLLOW) }
  }
}
