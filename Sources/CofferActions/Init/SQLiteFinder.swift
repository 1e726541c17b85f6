import CofferSystem
import FoundationEssentials
import Glibc

/// Finds SQLite databases below folders, by what files begin with. No link is followed.
struct SQLiteFinder {
  struct Database: Sendable, Equatable {
    /// What its dump is to be called; each its own.
    let name: String
    let path: String
  }

  /// Every SQLite database begins with it. (https://www.sqlite.org/fileformat.html, 1.3.1)
  private static let sign = Array("SQLite format 3\0".utf8)
  /// Folders in folders, and entries altogether: no walk goes on for ever.
  private static let depth = 16
  private static let limit = 200_000

  private let cancellation: Cancellation
  private(set) var warnings: [String] = []
  private var seen = 0
  private var paths: [String] = []

  init(_ cancellation: Cancellation) {
    self.cancellation = cancellation
  }

  /// - Parameter places: Folders, or files; absolute.
  /// - Throws: `SystemError` for a place that is not there; `RunCancelled`.
  mutating func databases(below places: [String]) throws -> [Database] {
    for place in places {
      var facts = stat()
      guard stat(place, &facts) == 0 else { throw SystemError(call: "open", subject: place) }
      if facts.st_mode & S_IFMT == S_IFDIR {
        try walk(try Folder(opening: place), Self.depth)
      } else {
        let file = try FilePlace(place)
        if isDatabase(file.name, in: file.folder) {
          take(place)
        } else {
          warnings.append("\(place): It is no SQLite database")
        }
      }
    }
    if seen > Self.limit { warnings.append("Stopped looking for SQLite databases after \(Self.limit) files") }
    return named()
  }

  private mutating func walk(_ folder: Folder, _ depth: Int) throws {
    try cancellation.check()
    let names: [EntryName]
    do { names = try folder.names() } catch {
      warnings.append("\(folder.path): It cannot be looked into: \(Diagnosis(of: error).problem)")
      return
    }
    for name in names {
      seen += 1
      guard seen <= Self.limit else { return }
      guard let facts = try? folder.status(of: name) else { continue }
      switch facts.st_mode & S_IFMT {
      case S_IFDIR where depth > 0:
        if let inner = try? folder.folder(name) { try walk(inner, depth - 1) }
      case S_IFREG where isDatabase(name, in: folder):
        guard String(validating: name.bytes, as: UTF8.self) != nil else {
          warnings.append("\(folder.path(of: name)): Its name is no UTF-8, which a configuration file must be")
          continue
        }
        take(folder.path(of: name))
      default: continue
      }
    }
  }

  private func isDatabase(_ name: EntryName, in folder: Folder) -> Bool {
    guard let file = try? folder.open(name, flags: O_RDONLY) else { return false }
    var buffer = [UInt8](repeating: 0, count: Self.sign.count)
    return pread(file.number, &buffer, buffer.count, 0) == Self.sign.count && buffer == Self.sign
  }

  private mutating func take(_ path: String) {
    if !paths.contains(where: { $0.isSame(as: path) }) { paths.append(path) }
  }

  /// The files' names without what they end with; the next of one name gets a number.
  private func named() -> [Database] {
    var taken: Set<ExactName> = []
    return paths.sorted().map { path in
      let file = path.parts(by: "/").last ?? path
      let plain =
        [".sqlite3", ".sqlite", ".db3", ".db"].lazy.compactMap { file.before(end: $0) }
        .first { !$0.isEmpty } ?? file
      var name = plain
      var number = 2
      while !taken.insert(ExactName(name)).inserted {
        name = "\(plain)-\(number)"
        number += 1
      }
      return Database(name: name, path: path)
    }
  }
}
