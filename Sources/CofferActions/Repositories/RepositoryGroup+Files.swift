import CofferRepository
import CofferSystem

/// Files that need not be read, because every repository that is left has them from an earlier run.
extension RepositoryGroup {
  struct Unchanged {
    let stored: Stored
    fileprivate let files: [(member: Member, file: UnchangedFile)]

    var extents: FileExtents? { files.first?.file.extras.extents }

    /// What is known of the file besides its content.
    ///
    /// - Returns: nil when the file has to be asked.
    func extras(_ facts: FileFacts, withFlags: Bool) -> ItemExtras? {
      files.first { $0.file.knowsAttributes(facts) && (!withFlags || $0.file.knowsFlags(facts)) }?.file.extras
    }
  }

  /// - Returns: nil for a file that one of them has to be given.
  func unchanged(_ facts: FileFacts, at place: ItemPath) -> Unchanged? {
    var stored = Stored()
    var files: [(member: Member, file: UnchangedFile)] = []
    for member in active {
      guard let file = member.session.unchangedFile(facts, at: place) else { return nil }
      files.append((member, file))
      stored.contents[ObjectIdentifier(member)] = Content(stream: file.stream, packs: nil)
    }
    // There is one item for all of them, and its holes are to fit every stream.
    guard let first = files.first?.file,
      files.allSatisfy({ $0.file.extras.extents == first.extras.extents && $0.file.stream.size == first.stream.size })
    else { return nil }
    return Unchanged(stored: stored, files: files)
  }

  /// Takes a file as unchanged, whose item is going to be added.
  func keep(_ unchanged: Unchanged) {
    for (member, file) in unchanged.files where member.failure == nil { member.session.keep(file) }
  }

  /// Lets the next run know of a file that was stored as one to be remembered.
  func remember(_ file: ReadFile, at place: ItemPath, _ stored: Stored) {
    for member in active {
      guard let content = stored.contents[ObjectIdentifier(member)], let packs = content.packs else { continue }
      member.session.remember(file, at: place, content.stream, in: packs)
    }
  }
}
