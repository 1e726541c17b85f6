import CSpawn
import CSystem
import Glibc

/// A place where a file system of this process's is, or is to be, mounted: read-only, and nothing in it gives rights.
///
/// Root asks the kernel; others ask `fusermount3` (package fuse3), which may.
public struct FuseMount: Sendable {
  public struct Options: Sendable, Equatable {
    /// Whether others than who mounts may look in, as far as permissions let them.
    public var allowsOthers = false
    /// Whether programs may be started from there.
    public var allowsPrograms = false

    public init() {}
  }

  /// A place that cannot be mounted at.
  public enum Unfit: DiagnosableError, Equatable {
    case missing(String)
    case noFolder(String)
    case notEmpty(String)
    /// A file system is mounted there whose program has ended.
    case abandoned(String)
    /// Nothing of this program's is mounted there.
    case notMounted(String)
    case inUse(String)
    case noDevice
    /// Only root may open it.
    case closedDevice
    case refused(String, lines: [String])

    public var diagnosis: Diagnosis {
      switch self {
      case .missing(let path):
        Diagnosis(
          subject: path, problem: "There is no such folder to mount at",
          suggestion: "Make it first: mkdir \(Quoting.pastedWord(path))")
      case .noFolder(let path):
        Diagnosis(subject: path, problem: "It is no folder", suggestion: "Name an empty folder to mount at")
      case .notEmpty(let path):
        Diagnosis(
          subject: path, problem: "The folder is not empty, and a mount would hide what is in it",
          suggestion:
            "Name an empty folder; if something is mounted there already: coffer umount \(Quoting.pastedWord(path))"
        )
      case .abandoned(let path):
        Diagnosis(
          subject: path, problem: "A mount stands there whose program has ended",
          suggestion: "Take it away: coffer umount \(Quoting.pastedWord(path))")
      case .notMounted(let path):
        Diagnosis(
          subject: path, problem: "No archive is mounted there",
          suggestion: "See what is: grep fuse.coffer /proc/mounts")
      case .inUse(let path):
        Diagnosis(
          subject: path, problem: "Something still uses it: an open file, or a shell that is in one of its folders",
          suggestion: "See what: fuser -vm \(Quoting.pastedWord(path))")
      case .noDevice:
        Diagnosis(
          subject: "/dev/fuse", problem: "The system has no FUSE, by which programs can be file systems",
          suggestion:
            "As root: modprobe fuse; a container must be given the device: --device /dev/fuse --cap-add SYS_ADMIN"
        )
      case .closedDevice:
        Diagnosis(
          subject: "/dev/fuse", problem: "Only root may open it, and so nobody else can mount",
          suggestion: "As root: chmod 666 /dev/fuse, as systems have it as a rule; or mount as root")
      case .refused(let path, let lines):
        Diagnosis(
          subject: path, problem: (["It cannot be mounted there"] + lines).joined(separator: "\n  "),
          suggestion: "Mount as root, or at a folder that is yours, with the package fuse3 installed")
      }
    }
  }

  static let kind = "fuse.coffer"

  /// Absolute.
  public let path: String
  private let launcher: any ProcessLauncher
  private let environment: ProcessEnvironment

  public init(at path: String, launcher: any ProcessLauncher, environment: ProcessEnvironment) {
    self.path = path
    self.launcher = launcher
    self.environment = environment
  }

  // MARK: - Mounting

  /// Mounts a new file system. The kernel's first request waits to be answered then.
  ///
  /// - Throws: `Unfit`; `SystemError`; `LaunchError`.
  public func mount(_ options: Options) throws -> FuseConnection {
    let folder = try emptyFolder()
    let place = realPath(path) ?? path
    if geteuid() == 0, let device = try mountDirectly(folder, options) {
      return FuseConnection(owning: FileDescriptor(owning: device), at: place, checksRights: options.allowsOthers)
    }
    return FuseConnection(
      owning: FileDescriptor(owning: try mountByHelper(options)), at: place, checksRights: options.allowsOthers)
  }

  /// - Throws: `Unfit`; `SystemError`.
  public func emptyFolder() throws -> Folder {
    let folder: Folder
    let isEmpty: Bool
    do throws(SystemError) {
      folder = try Folder(opening: path)
      isEmpty = try folder.names().isEmpty
    } catch {
      switch error.code {
      case ENOENT: throw Unfit.missing(path)
      case ENOTDIR: throw Unfit.noFolder(path)
      case ENOTCONN: throw Unfit.abandoned(path)
      default: throw error
      }
    }
    guard isEmpty else { throw Unfit.notEmpty(path) }
    return folder
  }

  /// - Returns: The number of the device, opened; nil when this process may not, although it is root's.
  private func mountDirectly(_ folder: Folder, _ options: Options) throws -> Int32? {
    let device = Glibc.open("/dev/fuse", O_RDWR | O_CLOEXEC)
    guard device >= 0 else {
      guard errno == ENOENT || errno == ENXIO || errno == ENODEV else {
        throw SystemError(call: "open", subject: "/dev/fuse")
      }
      throw Unfit.noDevice
    }
    let descriptor = FileDescriptor(owning: device)
    var data = "fd=\(descriptor.number),rootmode=40000,user_id=\(geteuid()),group_id=\(getegid())"
    if options.allowsOthers { data += ",allow_other,default_permissions" }
    let flags =
      coffer_mount_without_rights | (options.allowsPrograms ? 0 : coffer_mount_without_programs)
    // The folder that was looked at, whatever its path leads to meanwhile.
    let link = "/proc/self/fd/\(folder.number)"
    let place = access(link, F_OK) == 0 ? link : path
    guard Glibc.mount("coffer", place, Self.kind, flags, data) == 0 else {
      if errno == EPERM { return nil }
      throw errno == ENODEV ? Unfit.noDevice : SystemError(call: "mount", subject: path)
    }
    return descriptor.release()
  }

  /// - Returns: The number of the device, opened.
  private func mountByHelper(_ options: Options) throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw SystemError(call: "socketpair", subject: path)
    }
    let own = FileDescriptor(owning: ends[0])
    let theirs = FileDescriptor(owning: ends[1])
    var words = ["ro", "nosuid", "nodev", "fsname=coffer", "subtype=coffer"]
    if !options.allowsPrograms { words.append("noexec") }
    if options.allowsOthers { words += ["allow_other", "default_permissions"] }
    var variables = environment
    variables.variables["_FUSE_COMMFD"] = "3"
    let result = try runHelper(["-o", words.joined(separator: ","), "--", path], variables, [3: theirs.number])
    var byte: UInt8 = 0
    var descriptors = [Int32](repeating: -1, count: Int(COFFER_ORDER_DESCRIPTORS))
    var count: Int32 = 0
    _ = coffer_receive_order(own.number, &byte, 1, &descriptors, &count, false)
    let device = descriptors.removeFirst()
    for other in descriptors where other >= 0 { close(other) }
    guard result.status.isSuccess, device >= 0 else {
      if device >= 0 { close(device) }
      // The helper opens it with the rights of who calls it.
      if access("/dev/fuse", F_OK) != 0 { throw Unfit.noDevice }
      if access("/dev/fuse", R_OK | W_OK) != 0 { throw Unfit.closedDevice }
      throw Unfit.refused(path, lines: result.errorLines)
    }
    return device
  }

  /// Runs `fusermount3`, or where there is only that of before, `fusermount`.
  private func runHelper(
    _ arguments: [String], _ environment: ProcessEnvironment, _ inherited: [Int32: Int32] = [:]
  ) throws -> CommandResult {
    let names = ["fusermount3", "fusermount"]
    for (number, name) in names.enumerated() {
      var command = ChildCommand(name, arguments, environment: environment)
        .installed(by: ["fusermount": "Install the package fuse3 (apt-get install fuse3), or mount as root"])
      command.inherited = inherited
      do {
        return try launcher.run(command)
      } catch LaunchError.notFound where number < names.count - 1 {}
    }
    preconditionFailure("the last name's error is thrown")
  }

  // MARK: - Taking away

  /// Takes the mount away, in use or not: for the program whose mount it is, when it ends.
  public func leave(_ connection: FuseConnection) {
    guard !connection.hasEnded else { return }
    // Something else may be mounted there meanwhile.
    if let isThere = try? Self.isMounted(connection.place), !isThere { return }
    if geteuid() == 0, umount2(connection.place, coffer_unmount_now | coffer_unmount_no_link) == 0 { return }
    // When it fails, whoever looks in is told that there is nobody any more.
    _ = try? runHelper(["-u", "-q", "-z", "--", connection.place], environment)
  }

  /// Takes away what another process has mounted here, unless it is in use.
  ///
  /// - Throws: `Unfit`; `SystemError`; `LaunchError`.
  public func unmount() throws {
    let place = realPlace
    guard try Self.isMounted(place) else { throw Unfit.notMounted(path) }
    if geteuid() == 0 {
      if umount2(place, coffer_unmount_no_link) == 0 { return }
      if errno == EBUSY { throw Unfit.inUse(path) }
      guard errno == EPERM else { throw SystemError(call: "umount", subject: path) }
    }
    let result = try runHelper(["-u", "--", place], environment)
    guard result.status.isSuccess else {
      throw result.errorLines.contains { $0.holds("busy") }
        ? Unfit.inUse(path) : Unfit.refused(path, lines: result.errorLines)
    }
  }

  /// The path without links in it. Its last part is none: nothing can be asked of a mount whose program has ended.
  private var realPlace: String {
    guard let folder = realPath(UserPath.parent(of: path)) else { return path }
    return (folder == "/" ? "" : folder) + "/" + UserPath.name(of: path)
  }

  private func realPath(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  /// Whether a mount of this program's stands at a path.
  private static func isMounted(_ path: String) throws -> Bool {
    let file = try FileDescriptor(opening: "/proc/self/mountinfo", flags: O_RDONLY)
    let text = try file.readAll(limit: 64 << 20, subject: "/proc/self/mountinfo")
    let wanted = path.utf8.flatMap { byte -> [UInt8] in
      // As the kernel writes them.
      [0x20, 0x09, 0x0a, 0x5c].contains(byte) ? Array(String(printf: "\\%03o", Int32(byte)).utf8) : [byte]
    }
    return ownMounts(in: text).contains { $0[4].elementsEqual(wanted) }
  }

  /// The words of those lines of /proc/self/mountinfo (proc_pid_mountinfo(5)) that tell of mounts of this program's: the mount's
  /// number, that of the one above, major:minor, folder, place, options, ... then a dash, and the kind.
  static func ownMounts(in table: [UInt8]) -> [[ArraySlice<UInt8>]] {
    table.split(separator: UInt8(ascii: "\n")).map { $0.split(separator: UInt8(ascii: " ")) }.filter { words in
      guard words.count > 6, let dash = words[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }) else {
        return false
      }
      return words.indices.contains(dash + 1) && words[dash + 1].elementsEqual(kind.utf8)
    }
  }
}
