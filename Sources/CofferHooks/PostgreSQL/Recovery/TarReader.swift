import CofferSystem

/// A member of a tar archive, before its content.
struct TarMember: Equatable {
  enum Kind: Equatable {
    /// With so many bytes that follow.
    case file(UInt64)
    case folder
    /// A symbolic link, and where it leads as it is written.
    case link([UInt8])
  }

  /// The names on its way; each is one part of a path.
  let path: [EntryName]
  let kind: Kind

  var title: String { path.joined }
}

/// Takes the members of a tar archive, in their order.
protocol TarReceiver: AnyObject {
  func begin(_ member: TarMember) throws
  /// Bytes of the file that was begun last, in order.
  func take(_ bytes: UnsafeRawBufferPointer) throws
  /// Behind the last byte of a file; not of anything else.
  func endFile() throws
}

/// Reads a tar archive of files, folders and symbolic links as it comes, holding one block of it.
///
/// The format is what `TarBlock` says: ustar's, and no member of another kind.
final class TarReader: ByteSink {
  private enum State {
    /// In a header, or in a block of zeros in its place.
    case header
    case content(left: UInt64)
    /// What fills up the last block of a content.
    case fill(left: Int)
    /// Behind the first of the two blocks of zeros, or behind both: then all that follows is zero.
    case ended(isWhole: Bool)
  }

  private let receiver: any TarReceiver
  private var state = State.header
  private var block: [UInt8] = []
  private var size: UInt64 = 0
  /// Of the block that is read, in the archive.
  private var position: UInt64 = 0

  init(_ receiver: any TarReceiver) {
    self.receiver = receiver
    block.reserveCapacity(TarBlock.size)
  }

  /// - Throws: `TarError`; what the receiver throws.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    func next(_ count: Int) -> UnsafeRawBufferPointer {
      let piece = UnsafeRawBufferPointer(rebasing: rest[..<count])
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      position += UInt64(count)
      return piece
    }
    while !rest.isEmpty {
      switch state {
      case .header, .ended:
        block += next(min(TarBlock.size - block.count, rest.count))
        guard block.count == TarBlock.size else { continue }
        try takeBlock()
        block.removeAll(keepingCapacity: true)
      case .content(let left):
        let piece = next(Int(min(left, UInt64(rest.count))))
        try receiver.take(piece)
        state = .content(left: left - UInt64(piece.count))
        if left == UInt64(piece.count) { try endFile() }
      case .fill(let left):
        let count = next(min(left, rest.count)).count
        state = count == left ? .header : .fill(left: left - count)
      }
    }
  }

  /// - Throws: `TarError` unless the archive has come to its end.
  func finish() throws(TarError) {
    guard case .ended(isWhole: true) = state, block.isEmpty else {
      throw TarError(position: position, problem: "it ends early")
    }
  }

  private func endFile() throws {
    try receiver.endFile()
    let fill = TarBlock.fill(after: size)
    state = fill == 0 ? .header : .fill(left: fill)
  }

  private func takeBlock() throws {
    let isZero = block.allSatisfy { $0 == 0 }
    if case .ended = state {
      guard isZero else { throw refusal("something follows its end") }
      state = .ended(isWhole: true)
      return
    }
    guard !isZero else {
      state = .ended(isWhole: false)
      return
    }
    let member = try member()
    try receiver.begin(member)
    guard case .file(let size) = member.kind else { return }
    self.size = size
    state = .content(left: size)
    if size == 0 { try endFile() }
  }

  private func refusal(_ problem: String) -> TarError {
    TarError(position: position - UInt64(TarBlock.size), problem: problem)
  }
}

/// A tar archive that is not what it should be.
struct TarError: DiagnosableError, Equatable {
  /// Of the block concerned, in bytes.
  let position: UInt64
  let problem: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "base backup", problem: "Its tar archive cannot be laid down: \(problem) (at byte \(position))",
      suggestion: "Use another archive")
  }
}

// MARK: - The header

extension TarReader {
  private func member() throws(TarError) -> TarMember {
    guard let header = TarBlock(block) else { throw refusal("it has no header where one should be") }
    let (prefix, name) = (text(TarBlock.prefix), text(TarBlock.name))
    guard let path = EntryName.path(prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name) else {
      throw refusal("'\(Quoting.terminal(String(decoding: name, as: UTF8.self)))' is no path below a folder")
    }
    if header.isFile { return TarMember(path: path, kind: .file(header.contentSize)) }
    switch block[TarBlock.kind] {
    case UInt8(ascii: "5"): return TarMember(path: path, kind: .folder)
    case UInt8(ascii: "2"): return TarMember(path: path, kind: .link(text(TarBlock.target)))
    default: throw refusal("a member is neither a file nor a folder nor a symbolic link")
    }
  }

  private func text(_ field: Range<Int>) -> [UInt8] { Array(block[field].prefix { $0 != 0 }) }
}
