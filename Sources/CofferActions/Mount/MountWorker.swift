import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Answers single questions about mounted archives. Used by one thread.
final class MountWorker {
  private let archives: MountedArchives
  private let isWhole: Bool
  private let cancellation: Cancellation
  private let makeReader: () throws -> ArchiveReader
  private var ownReader: ArchiveReader?
  /// Of the file with holes that was read last.
  private var holes: (node: UInt64, map: HoleMap)?
  private let owner = (user: UInt32(geteuid()), group: UInt32(getegid()))

  init(
    _ archives: MountedArchives, isWhole: Bool, cancellation: Cancellation,
    makeReader: @escaping () throws -> ArchiveReader
  ) {
    self.archives = archives
    self.isWhole = isWhole
    self.cancellation = cancellation
    self.makeReader = makeReader
  }

  private typealias Place = MountedArchives.Place

  /// What the kernel has a number of.
  private enum Subject {
    /// The folder of all archives.
    case all
    case node(Int, MountTree, Place)
  }

  /// - Throws: What reading an archive throws.
  func answer(to request: FuseRequest) throws -> FuseAnswer {
    guard let subject = try subject(request.node) else { return .failure(ESTALE) }
    switch request.operation {
    case .find(let name): return try find(name, in: subject)
    case .facts: return .facts(facts(of: subject))
    case .linkTarget:
      guard case .symbolicLink(let target) = item(of: subject)?.content else { return .failure(EINVAL) }
      return .bytes(target.bytes)
    case .open(let flags):
      return flags & UInt32(O_ACCMODE) == UInt32(O_RDONLY) ? .opened : .failure(EROFS)
    case .openFolder: return .opened
    case .read(let offset, let count): return try read(offset, count, of: subject)
    case .names(let offset, let room, let withFacts):
      return try names(in: subject, from: offset, FuseAnswer.Names(room: room, withFacts: withFacts))
    case .attribute(let name, let room):
      guard let value = item(of: subject)?.extras.attributes.first(where: { $0.name == name })?.value else {
        return .failure(ENODATA)
      }
      return .attribute(value, room: room)
    case .attributeNames(let room):
      return .attribute(item(of: subject)?.extras.attributes.flatMap { $0.name + [0] } ?? [], room: room)
    case .seek(let offset, let whence): return seek(offset, whence, in: subject)
    default: return .failure(ENOSYS)
    }
  }

  private func reader() throws -> ArchiveReader {
    if let ownReader { return ownReader }
    let reader = try makeReader()
    ownReader = reader
    return reader
  }

  // MARK: - Nodes

  /// - Returns: nil when there is no such thing.
  private func subject(_ identifier: UInt64) throws -> Subject? {
    if identifier == FuseRequest.rootNode, isWhole { return .all }
    let place =
      identifier == FuseRequest.rootNode ? Place(archive: 0, node: 0) : Place(identifier)
    guard archives.archives.indices.contains(place.archive) else { return nil }
    let tree = try archives.tree(of: place.archive, by: reader(), cancellation)
    return (0..<tree.count).contains(place.node) ? .node(place.node, tree, place) : nil
  }

  private func item(of subject: Subject) -> ArchiveItem? {
    if case .node(let number, let tree, _) = subject { tree.item(number) } else { nil }
  }

  private func facts(of subject: Subject) -> FuseAnswer.Facts {
    switch subject {
    case .node(let number, let tree, let place): return facts(of: number, tree, in: place.archive)
    case .all:
      return FuseAnswer.Facts(
        folder: FuseRequest.rootNode, owner: owner, modified: archives.archives.map(Self.time).max() ?? 0)
    }
  }

  private func facts(of number: Int, _ tree: MountTree, in archive: Int) -> FuseAnswer.Facts {
    tree.facts(
      number, { identifier(of: Place(archive: archive, node: $0)) }, owner: owner,
      modified: Self.time(archives.archives[archive]))
  }

  private func identifier(of place: Place) -> UInt64 {
    !isWhole && place.node == 0 ? FuseRequest.rootNode : place.identifier
  }

  /// What is known of an archive's folder before the archive is looked into.
  private func facts(ofArchive number: Int) -> FuseAnswer.Facts {
    FuseAnswer.Facts(
      folder: Place(archive: number, node: 0).identifier, owner: owner, modified: Self.time(archives.archives[number]))
  }

  /// Seconds of which as many nanoseconds are a number of 64 bits.
  private static let farthest = 9_000_000_000.0

  private static func time(_ archive: Archive) -> Int64 {
    // Archives may be of any year from 1 to 9999, which are more than these numbers have room for.
    let seconds = min(max(archive.draft.start.timeIntervalSince1970, -farthest), farthest)
    return Int64(seconds.rounded(.down)) * 1_000_000_000
  }

  // MARK: - Folders

  private func find(_ name: [UInt8], in subject: Subject) throws -> FuseAnswer {
    switch subject {
    case .all: return .entry(archives.number(named: name).map(facts(ofArchive:)))
    case .node(let number, let tree, let place):
      guard tree.isFolder(number) else { return .failure(ENOTDIR) }
      return .entry(tree.child(name, of: number).map { facts(of: $0, tree, in: place.archive) })
    }
  }

  private func names(in subject: Subject, from offset: UInt64, _ answer: FuseAnswer.Names) throws -> FuseAnswer {
    var answer = answer
    let own = facts(of: subject)
    let count: Int
    let entry: (Int) -> (name: ArraySlice<UInt8>, facts: FuseAnswer.Facts)
    var above = own
    switch subject {
    case .all:
      count = archives.names.count
      entry = { [archives] in (archives.names[$0][...], self.facts(ofArchive: $0)) }
    case .node(let number, let tree, let place):
      guard tree.isFolder(number) else { return .failure(ENOTDIR) }
      let children = tree.children(of: number)
      count = children.count
      entry = { child in
        let number = Int(children[children.startIndex + child])
        return (tree.name(of: number), self.facts(of: number, tree, in: place.archive))
      }
      above = number == 0 && isWhole ? facts(of: .all) : facts(of: tree.parent(of: number), tree, in: place.archive)
    }
    // The first two are the folder itself and the one above it.
    var next = offset
    while next < UInt64(count) + 2 {
      let added =
        switch next {
        case 0: answer.add(".".utf8, own, next: 1, isOther: true)
        case 1: answer.add("..".utf8, above, next: 2, isOther: true)
        default:
          {
            let (name, facts) = entry(Int(next) - 2)
            return answer.add(name, facts, next: next + 1)
          }()
        }
      guard added else { break }
      next += 1
    }
    return answer.answer
  }

  // MARK: - Files

  private func read(_ offset: UInt64, _ count: Int, of subject: Subject) throws -> FuseAnswer {
    guard let item = item(of: subject), case .file(let stream) = item.content, case .node(_, _, let place) = subject
    else {
      return .failure(EINVAL)
    }
    let end = min(item.size, offset.addingReportingOverflow(UInt64(count)).partialValue)
    guard offset < end else { return .bytes([]) }
    let sink = MemorySink()
    for piece in map(of: item, at: place.identifier)?.pieces(of: offset..<end)
      ?? [HoleMap.Piece(count: end - offset, stream: offset..<end)]
    {
      if let range = piece.stream {
        try reader().read(range, of: stream, into: sink, cancellation: cancellation)
      } else {
        [UInt8](repeating: 0, count: Int(piece.count)).withUnsafeBytes { sink.write($0) }
      }
    }
    return .bytes(sink.bytes)
  }

  private func map(of item: ArchiveItem, at node: UInt64) -> HoleMap? {
    guard let extents = item.extras.extents else { return nil }
    if let holes, holes.node == node { return holes.map }
    let map = HoleMap(extents)
    holes = (node, map)
    return map
  }

  /// SEEK_DATA and SEEK_HOLE of linux/fs.h; the kernel knows the others itself.
  private static let toData: Int32 = 3
  private static let toHole: Int32 = 4

  private func seek(_ offset: UInt64, _ whence: Int32, in subject: Subject) -> FuseAnswer {
    guard let item = item(of: subject), case .file = item.content, case .node(_, _, let place) = subject else {
      return .failure(EINVAL)
    }
    guard offset < item.size else { return .failure(ENXIO) }
    let map = map(of: item, at: place.identifier)
    switch whence {
    case Self.toData:
      guard let map else { return .position(offset) }
      return map.data(from: offset).map { .position($0) } ?? .failure(ENXIO)
    case Self.toHole: return .position(map?.hole(from: offset) ?? item.size)
    default: return .failure(EINVAL)
    }
  }
}
