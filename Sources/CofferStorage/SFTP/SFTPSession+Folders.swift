import CofferSystem

/// Names that a folder has at most; a server that gives more has no end.
private let nameLimit = 4_000_000

/// Answers without any name that are taken one after the other; the end is said otherwise.
private let emptyAnswerLimit = 100

/// Reads that are sent ahead for one folder at most.
private let readsAhead = 16

/// Questions for attributes that are on their way at the same time.
private let statusesAhead = 64

extension SFTPSession {
  /// Returns what is in folders, which are read side by side; nil for those that are not there. The entries are in the
  /// order of the paths that they begin.
  func entries(of folders: [String], _ cancellation: Cancellation?) throws(SFTPError) -> [[SFTPEntry]?] {
    var openings: [Pending] = []
    var readings: [FolderReading?] = []
    defer {
      for reading in readings { if let reading { beginAndForget(.close(reading.handle)) } }
    }
    for folder in folders { openings.append(try begin(.openFolder(folder), cancellation)) }
    for pending in openings {
      do throws(SFTPError) {
        readings.append(FolderReading(handle: try pending.handle(cancellation)))
      } catch {
        guard error.isMissing else { throw error }
        readings.append(nil)
      }
    }
    while try readOn(&readings, cancellation) {}
    var found: [[SFTPEntry]?] = []
    for (folder, reading) in zip(folders, readings) {
      let entries = try reading.map { (reading) throws(SFTPError) in
        Self.sorted(try complete(reading.entries, in: folder, cancellation))
      }
      found.append(entries)
    }
    return found
  }

  /// Returns what is in a folder; nil when it is not there.
  func entries(of folder: String, _ cancellation: Cancellation?) throws(SFTPError) -> [SFTPEntry]? {
    try entries(of: [folder], cancellation).first.flatMap(\.self)
  }

  /// Reads on in all folders that are not at their end.
  ///
  /// - Returns: Whether there were any.
  private func readOn(_ readings: inout [FolderReading?], _ cancellation: Cancellation?) throws(SFTPError) -> Bool {
    var sent: [(number: Int, pending: Pending)] = []
    for (number, reading) in readings.enumerated() {
      guard let reading, !reading.isAtEnd else { continue }
      for _ in 0..<reading.ahead { sent.append((number, try begin(.readFolder(reading.handle), cancellation))) }
      readings[number]?.doubleReads()
    }
    for item in sent { try readings[item.number]?.add(try item.pending.names(cancellation)) }
    return !sent.isEmpty
  }

  /// A slash follows the names of folders: `a-b` comes before `a/b`. A name that came twice is there once.
  private static func sorted(_ entries: [SFTPEntry]) -> [SFTPEntry] {
    let keyed = entries.map { entry in
      (key: entry.attributes.kind == .folder ? entry.name + [UInt8(ascii: "/")] : entry.name, entry: entry)
    }
    var sorted: [SFTPEntry] = []
    for (_, entry) in keyed.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
    where sorted.last?.name != entry.name {
      sorted.append(entry)
    }
    return sorted
  }

  /// Asks for attributes that the folder's answer left out. What vanished meanwhile is left out.
  private func complete(
    _ entries: [SFTPEntry], in folder: String, _ cancellation: Cancellation?
  ) throws(SFTPError) -> [SFTPEntry] {
    guard entries.contains(where: { !$0.attributes.isComplete }) else { return entries }
    var complete: [SFTPEntry] = []
    for start in stride(from: 0, to: entries.count, by: statusesAhead) {
      var asked: [(SFTPEntry, Pending?)] = []
      for entry in entries[start..<min(start + statusesAhead, entries.count)] {
        let path = SFTPPath.joined(folder, String(decoding: entry.name, as: UTF8.self))
        asked.append((entry, entry.attributes.isComplete ? nil : try begin(.linkStatus(path), cancellation)))
      }
      for (entry, pending) in asked {
        do throws(SFTPError) {
          let attributes = try pending?.attributes(cancellation) ?? entry.attributes
          complete.append(SFTPEntry(name: entry.name, attributes: attributes))
        } catch {
          guard error.isMissing else { throw error }
        }
      }
    }
    return complete
  }
}

/// How far a folder has been read.
private struct FolderReading {
  let handle: SFTPHandle
  private(set) var entries: [SFTPEntry] = []
  private(set) var isAtEnd = false
  /// Reads that are sent without waiting: twice as many each time, because few folders hold much.
  private(set) var ahead = 1
  private var emptyAnswers = 0

  init(handle: SFTPHandle) {
    self.handle = handle
  }

  /// - Parameter names: nil at the end.
  mutating func add(_ names: [SFTPEntry]?) throws(SFTPError) {
    guard let names else {
      isAtEnd = true
      return
    }
    emptyAnswers = names.isEmpty ? emptyAnswers + 1 : 0
    guard emptyAnswers <= emptyAnswerLimit, entries.count + names.count <= nameLimit else {
      throw .malformed("a folder without an end")
    }
    entries += names.filter { $0.name != [UInt8(ascii: ".")] && $0.name != Array("..".utf8) }
  }

  mutating func doubleReads() {
    ahead = min(ahead * 2, readsAhead)
  }
}

/// Paths at a server.
enum SFTPPath {
  static func joined(_ folder: String, _ name: String) -> String {
    folder.ends(with: "/") ? folder + name : folder + "/" + name
  }

  static func joined(_ folder: String, _ parts: some Sequence<String>) -> String {
    parts.reduce(folder) { joined($0, $1) }
  }

  /// The folder that holds a place; nil for `/` and for the account's own folder.
  static func parent(of path: String) -> String? {
    let parts = path.parts(by: "/", keepingEmpty: false)
    guard parts.count > 1 else {
      if path.begins(with: "/") { return parts.isEmpty ? nil : "/" }
      return path == "." ? nil : "."
    }
    return (path.begins(with: "/") ? "/" : "") + parts.dropLast().joined(separator: "/")
  }
}

extension SFTPAttributes {
  /// Whether a list can be made of them.
  fileprivate var isComplete: Bool { kind != nil && (kind != .file || size != nil && modified != nil) }
}
