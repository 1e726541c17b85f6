import CofferSystem

/// Takes one chunk after the other off a stream, and finds out whether the repository has it.
///
/// The end of a chunk that is stored behind the one before is not searched for: if the hash of the last bytes before
/// it says that a chunk may end there, and the bytes up to it have the stored chunk's id, they are that chunk. Whoever
/// stored it has found no earlier end in the same bytes, so this changes no cut. Of a server's pages nothing is searched for.
struct ChunkTaker {
  struct Chunk {
    let id: ChunkID
    let length: Int
    /// Whether nobody has it, so that the caller is the one to store it.
    let isNew: Bool
    /// Where the repository has it; nil for what this session stores.
    var place: IndexPlace?
  }

  private let chunker: Chunker
  private let hasher: ChunkHasher
  private let index: ChunkIndex
  private let times: Timings?
  private var cursor = IndexCursor()
  /// nil where all cuts are the chunker's.
  private var members: MemberCutter?

  init(chunker: Chunker, hasher: ChunkHasher, index: ChunkIndex, of content: BlockContent = .any, times: Timings? = nil)
  {
    if content == .pages, chunker.parameters.maximum >= MemberCutter.longest { members = MemberCutter() }
    self.chunker = chunker
    self.hasher = hasher
    self.index = index
    self.times = times
  }

  /// Returns the chunk at the start of `rest`, which holds at least the longest chunk or the rest of the stream.
  mutating func next(in rest: UnsafeRawBufferPointer) -> Chunk {
    let known = members?.next(in: rest)
    var guess: (length: Int, id: ChunkID)?
    for number in 0..<IndexCursor.followerCount {
      guard let place = cursor.follower(number), let length = place.length else { continue }
      guard length > 0, length <= rest.count, length != guess?.length,
        known.map({ length == $0 }) ?? chunker.mayCut(rest, at: length)
      else { continue }
      let id = id(of: rest, length)
      if id == place.id {
        cursor.move(to: place)
        return Chunk(id: id, length: length, isNew: false, place: place)
      }
      guess = (length, id)
    }
    let length = known ?? times.measure(.cut) { chunker.nextChunkLength(in: rest) }
    let id = guess.flatMap { $0.length == length ? $0.id : nil } ?? id(of: rest, length)
    switch times.measure(.lookUp, { index.claim(id) }) {
    case .new: return Chunk(id: id, length: length, isNew: true)
    case .taken: return Chunk(id: id, length: length, isNew: false)
    case .stored(let place):
      cursor.move(to: place)
      return Chunk(id: id, length: length, isNew: false, place: place)
    }
  }
  private func id(of rest: UnsafeRawBufferPointer, _ length: Int) -> ChunkID {
    times.measure(.hash, bytes: length) { hasher.id(of: UnsafeRawBufferPointer(rebasing: rest[..<length])) }
  }
}
