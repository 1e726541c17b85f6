import CofferStorage
import Foundation
import Synchronization
import TestSupport

/// A folder on the disk of a machine that loses its power, and what is found in it afterwards.
///
/// Stores work in the folder by `store`. At the n-th call that writes, synchronises or names, the power fails: that call and
/// all later ones fail, whatever the program does. What was not synchronised until then is lost, or not, each piece of it by
/// itself: the bytes of a file (all, the end of them, or read as zeros), and a name in a folder, be it new or removed.
///
/// Any command that is to survive a crash is tried like this: for n = 0, 1, 2, ... make a folder as it is before, run the
/// command over `CrashingDisk(folder, callsUntilCrash: n).store` until `hasCrashed` is false, and look at
/// `folderAfterCrash` each time.
final class CrashingDisk: Sendable {
  private struct State: Sendable {
    var callsLeft: Int?
    var callCount = 0
    /// The files whose bytes are on the disk.
    var synchronisedFiles: Set<UInt> = []
    /// What of each folder's names is on the disk: which file has the name.
    var names: [String: [String: UInt]] = [:]
    /// As all programs saw it when the power failed; nil before.
    var seen: [String: [String: UInt]]?
  }

  private let folder: String
  /// Second names of all files, by their numbers, so that none is gone when it is removed.
  private let files: String
  private let state: Mutex<State>

  /// - Parameter callsUntilCrash: How many calls succeed; nil for a power that does not fail.
  init(_ folder: String, callsUntilCrash: Int?) throws {
    self.folder = folder
    files = folder + "-files"
    state = Mutex(State(callsLeft: callsUntilCrash))
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
    // What was there before is on the disk.
    guard FileManager.default.fileExists(atPath: folder) else { return }
    let names = scan()
    let numbers = Set(names.values.flatMap(\.values))
    state.withLock {
      $0.names = names
      $0.synchronisedFiles = numbers
    }
  }

  deinit {
    for path in [folder, files] { try? FileManager.default.removeItem(atPath: path) }
  }

  var hasCrashed: Bool { state.withLock { $0.seen != nil } }
  var callCount: Int { state.withLock { $0.callCount } }

  var store: LocalDirectoryStore {
    LocalDirectoryStore(
      root: folder,
      calls: FileCalls(
        write: { [self] file, bytes, count in call { write(file, bytes, count) } ?? -1 },
        sync: { [self] file in call { synchronise(file) } ?? -1 },
        link: { [self] parent, old, new in call { linkat(parent, old, parent, new, 0) } ?? -1 },
        renameToFree: { [self] parent, old, new in call { FileCalls.system.renameToFree(parent, old, new) } ?? -1 },
        rename: { [self] parent, old, new in call { renameat(parent, old, parent, new) } ?? -1 }))
  }

  /// - Returns: nil, and sets errno, when the power has failed.
  private func call<Result>(_ body: () -> Result) -> Result? {
    let isPowered = state.withLock { state in
      if state.seen != nil { return false }
      if let left = state.callsLeft {
        if left == 0 {
          state.seen = scan()
          return false
        }
        state.callsLeft = left - 1
      }
      state.callCount += 1
      return true
    }
    guard isPowered else {
      errno = EIO
      return nil
    }
    return body()
  }

  private func synchronise(_ descriptor: Int32) -> Int32 {
    guard fsync(descriptor) == 0 else { return -1 }
    var facts = stat()
    fstat(descriptor, &facts)
    let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")) ?? ""
    return state.withLock { state in
      guard state.seen == nil else {
        errno = EIO
        return -1
      }
      if facts.st_mode & S_IFMT == S_IFDIR {
        // The folder that the repository's folder is in is not looked at: that one is there.
        if path == folder || path.hasPrefix(folder + "/") { state.names[path] = names(in: path) }
      } else {
        state.synchronisedFiles.insert(facts.st_ino)
      }
      return 0
    }
  }

  // MARK: - What is in the folder

  private func scan() -> [String: [String: UInt]] {
    var all: [String: [String: UInt]] = [folder: names(in: folder)]
    let below = FileManager.default.enumerator(atPath: folder)
    while let path = below?.nextObject() as? String {
      let full = "\(folder)/\(path)"
      var facts = stat()
      if lstat(full, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR { all[full] = names(in: full) }
    }
    return all
  }

  /// The names of a folder, and second names for its files.
  private func names(in path: String) -> [String: UInt] {
    var names: [String: UInt] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      var facts = stat()
      guard lstat("\(path)/\(name)", &facts) == 0 else { continue }
      names[name] = facts.st_ino
      if facts.st_mode & S_IFMT == S_IFREG { link("\(path)/\(name)", "\(files)/\(facts.st_ino)") }
    }
    return names
  }

  /// Makes the folder as it is found when the machine has started again.
  ///
  /// - Parameter losesAll: Whether everything is lost that was not synchronised, instead of some of it.
  /// - Returns: Its path; nil when not even the folder is there.
  func folderAfterCrash(_ random: inout SeededRandom, losesAll: Bool) throws -> String? {
    let (seen, durable, synchronised) = state.withLock { ($0.seen ?? scan(), $0.names, $0.synchronisedFiles) }
    let found = folder + "-found-\(UUID().uuidString)"
    guard seen[folder] != nil || durable[folder] != nil, FileManager.default.fileExists(atPath: folder) else {
      return nil
    }
    func make(_ path: String, as copy: String) throws {
      try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
      chmod(copy, 0o700)
      let (new, old) = (seen[path] ?? [:], durable[path] ?? [:])
      for name in Set(new.keys).union(old.keys).sorted() {
        let number: UInt
        switch (old[name], new[name]) {
        case (let old?, let new?) where old == new: number = new
        case (let old?, _) where losesAll || random.next(below: 2) == 0: number = old
        case (_, let new?) where !losesAll && random.next(below: 2) == 0: number = new
        default: continue
        }
        let below = "\(path)/\(name)"
        if seen[below] != nil || durable[below] != nil {
          try make(below, as: "\(copy)/\(name)")
        } else {
          let bytes = content(number, isSynchronised: synchronised.contains(number), &random, losesAll)
          try Data(bytes).write(to: URL(fileURLWithPath: "\(copy)/\(name)"))
          chmod("\(copy)/\(name)", 0o600)
        }
      }
    }
    try make(folder, as: found)
    return found
  }

  private func content(
    _ number: UInt, isSynchronised: Bool, _ random: inout SeededRandom, _ losesAll: Bool
  ) -> [UInt8] {
    var bytes = [UInt8](FileManager.default.contents(atPath: "\(files)/\(number)") ?? Data())
    guard !isSynchronised else { return bytes }
    if losesAll { return [] }
    let kept = random.next(below: bytes.count + 1)
    if random.next(below: 2) == 0 {
      bytes.removeLast(bytes.count - kept)
    } else {
      for position in kept..<bytes.count { bytes[position] = 0 }
    }
    return bytes
  }
}
