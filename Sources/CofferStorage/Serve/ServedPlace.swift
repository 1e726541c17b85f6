import CofferSystem
import Glibc

/// The folder that a client asks for, once it is found to be one that it may have.
struct ServedPlace: Sendable {
  /// From the root on.
  let path: String
  let place: FolderPlace

  /// - Parameters:
  ///   - path: As the client gives it.
  ///   - folder: What relative paths start from.
  ///   - restrictions: Folders one of which it has to be, or to be in; empty for any.
  ///   - isWhole: Whether it has to be one of them: a quota of each folder in one would be none of the whole.
  /// - Throws: Why the client may not have it.
  init(
    _ path: String, from folder: String, restrictedTo restrictions: [String], isWhole: Bool = false
  ) throws(ServeFailure.Thrown) {
    let absolute = UserPath.absolute(path, from: folder, home: nil)
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw ServeFailure.Thrown(ServeFailure(.permanent, "opening the repository", reason: "its path is none"))
    }
    guard !restrictions.isEmpty else {
      self.path = absolute
      place = .at(absolute)
      return
    }
    let refusal = ServeFailure.Thrown(
      ServeFailure(
        .denied, "opening \(Quoting.terminal(path))", reason: "this key may not use that folder",
        suggestion: "Use the folder that --restrict-to-path names in authorized_keys on the host"
          + (isWhole ? ": with --quota none below it" : ", or one in it")))
    guard let wanted = ResolvedPath(absolute) else { throw refusal }
    for restriction in restrictions {
      guard let permitted = ResolvedPath(UserPath.absolute(restriction, from: folder, home: nil)),
        wanted.parts.starts(with: permitted.parts), !isWhole || wanted.parts.count == permitted.parts.count
      else { continue }
      self.path = wanted.text
      place = .within(permitted, Array(wanted.parts.dropFirst(permitted.parts.count)))
      return
    }
    throw refusal
  }
}

/// A path without links as far as it exists, part by part, by bytes.
struct ResolvedPath: Sendable, Equatable {
  let parts: [ExactName]
  /// How many of the parts were there when it was resolved.
  let existing: Int

  /// - Returns: nil for a path with `..` behind what exists, and for one that cannot be looked up.
  init?(_ path: String) {
    var front = path
    var behind: [ExactName] = []
    while true {
      if let real = realpath(front, nil) {
        defer { free(real) }
        guard let text = String(validatingCString: real) else { return nil }
        let found = text.parts(by: "/", keepingEmpty: false).map { ExactName($0) }
        parts = found + behind.filter { $0.text != "." }
        existing = found.count
        return
      }
      guard errno == ENOENT, let slash = front.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
      let part = String(front[front.utf8.index(after: slash)...])
      guard part != ".." else { return nil }
      if !part.isEmpty { behind.insert(ExactName(part), at: 0) }
      front = slash == front.startIndex ? "/" : String(front[..<slash])
      // The root itself is always there.
      if front == "/", behind.count > Int(PATH_MAX) { return nil }
    }
  }

  var text: String { "/" + parts.map(\.text).joined(separator: "/") }
}

extension FolderPlace {
  /// A folder below another one; no link is followed on the way from there.
  static func within(_ top: ResolvedPath, _ parts: [ExactName]) -> FolderPlace {
    // What of the top does not exist yet is gone through like what is below it.
    let start = "/" + top.parts.prefix(top.existing).map(\.text).joined(separator: "/")
    let way = (top.parts.dropFirst(top.existing) + parts).map { EntryName($0.text) }
    @Sendable func folder(_ names: ArraySlice<EntryName>) throws(SystemError) -> Folder {
      var current = try Folder(opening: start)
      for name in names { current = try current.folder(name) }
      return current
    }
    return FolderPlace(
      open: { () throws(SystemError) in try folder(way[...]) },
      make: { () throws(SystemError) in
        guard let last = way.last else { return nil }
        let parent = try folder(way.dropLast())
        do throws(SystemError) { try parent.makeFolder(last) } catch {
          guard error.code == EEXIST else { throw error }
          // A link that leads nowhere is in the way, too.
          _ = try parent.folder(last)
          return nil
        }
        return parent
      })
  }
}

extension ServeFailure {
  /// As an error.
  struct Thrown: Error, Equatable {
    let failure: ServeFailure

    init(_ failure: ServeFailure) {
      self.failure = failure
    }
  }
}
