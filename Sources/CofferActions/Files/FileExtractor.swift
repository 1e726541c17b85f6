import CofferRepository
import CofferSystem
import Foundation

/// Writes items below a folder, and never outside of it: every folder on the way is opened without following links.
/// Files appear under their names only when they are whole.
final class FileExtractor {
  /// An item that will not be written.
  struct Refused: DiagnosableError, Equatable {
    let path: String
    let problem: String

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: path, problem: problem, suggestion: "Extract into an empty folder with --destination")
    }
  }

  private let root: FileDescriptor
  private let destination: String
  private let restoresOwners: Bool
  private var folders: [(parts: [[UInt8]], item: ArchiveItem)] = []

  /// - Throws: `SystemError` when the destination is no folder.
  init(destination: String) throws(SystemError) {
    self.destination = destination
    root = try FileDescriptor(opening: destination, flags: O_RDONLY | O_DIRECTORY)
    restoresOwners = geteuid() == 0
  }

  /// Writes one item.
  ///
  /// - Parameters:
  ///   - parts: The path below the destination.
  ///   - content: Writes a file's bytes into the sink.
  func extract(_ item: ArchiveItem, parts: [[UInt8]], content: (any ByteSink) throws -> Void) throws {
    guard let name = parts.last else { return }
    for part in parts where part.isEmpty || part == Array(".".utf8) || part == Array("..".utf8) {
      throw Refused(path: item.path.text, problem: "The path leads out of the destination")
    }
    let parent = try folder(Array(parts.dropLast()), item)
    switch item.content {
    case .directory:
      try makeFolder(name, in: parent, item)
      folders.append((parts, item))
    case .symbolicLink(let target):
      let temporary = Self.temporaryName()
      guard symlinkat(Self.c(target.bytes), parent.number, temporary) == 0 else { throw failure("symlink", item) }
      if restoresOwners { _ = fchownat(parent.number, temporary, item.userID, item.groupID, AT_SYMLINK_NOFOLLOW) }
      try publish(temporary, name, parent, item)
    case .file: try writeFile(item, name, in: parent, content)
    }
  }

  /// Gives folders their modes and times, which writing into them would have changed.
  func finish() throws {
    for (parts, item) in folders.reversed() {
      let folder = try folder(parts, item)
      try setFacts(of: item, on: folder)
    }
  }

  private func writeFile(
    _ item: ArchiveItem, _ name: [UInt8], in parent: borrowing FileDescriptor, _ content: (any ByteSink) throws -> Void
  ) throws {
    let temporary = Self.temporaryName()
    let number = openat(parent.number, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw failure("open", item) }
    let sink = FileSink(FileDescriptor(owning: number), path: item.path.text)
    do {
      try content(sink)
      try setFacts(of: item, on: sink.file)
      try publish(temporary, name, parent, item)
    } catch {
      unlinkat(parent.number, temporary, 0)
      throw error
    }
  }

  private func setFacts(of item: ArchiveItem, on file: borrowing FileDescriptor) throws {
    if restoresOwners { _ = fchown(file.number, item.userID, item.groupID) }
    guard fchmod(file.number, item.mode) == 0 else { throw failure("chmod", item) }
    let seconds = item.modified >= 0 ? item.modified / 1_000_000_000 : (item.modified - 999_999_999) / 1_000_000_000
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(item.modified - seconds * 1_000_000_000))
    guard futimens(file.number, [time, time]) == 0 else { throw failure("utimens", item) }
  }

  private func publish(
    _ temporary: String, _ name: [UInt8], _ parent: borrowing FileDescriptor, _ item: ArchiveItem
  ) throws {
    guard renameat(parent.number, temporary, parent.number, Self.c(name)) == 0 else {
      let error = failure("rename", item)
      unlinkat(parent.number, temporary, 0)
      throw error
    }
  }

  /// Opens a folder below the destination, making what is missing.
  private func folder(_ parts: [[UInt8]], _ item: ArchiveItem) throws -> FileDescriptor {
    var current = dup(root.number)
    for part in parts {
      mkdirat(current, Self.c(part), 0o700)
      let next = openat(current, Self.c(part), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      let code = errno
      close(current)
      guard next >= 0 else {
        throw code == ENOTDIR || code == ELOOP
          ? Refused(path: item.path.text, problem: "A link or a file stands where a folder should be")
          : SystemError(call: "open", subject: "\(destination)/\(item.path.text)", code: code)
      }
      current = next
    }
    return FileDescriptor(owning: current)
  }

  private func makeFolder(_ name: [UInt8], in parent: borrowing FileDescriptor, _ item: ArchiveItem) throws {
    guard mkdirat(parent.number, Self.c(name), 0o700) == 0 || errno == EEXIST else { throw failure("mkdir", item) }
  }

  private func failure(_ call: String, _ item: ArchiveItem) -> SystemError {
    SystemError(call: call, subject: "\(destination)/\(item.path.text)")
  }

  private static func temporaryName() -> String {
    ".coffer-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
  }

  private static func c(_ bytes: [UInt8]) -> [CChar] {
    bytes.map { CChar(bitPattern: $0) } + [0]
  }
}

/// A file that is being written.
final class FileSink: ByteSink {
  let file: FileDescriptor
  private let path: String

  init(_ file: consuming FileDescriptor, path: String) {
    self.file = file
    self.path = path
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try file.writeAll(bytes, subject: path)
  }
}
