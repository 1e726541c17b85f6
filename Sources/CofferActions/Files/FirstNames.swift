import CofferRepository
import CofferSystem

/// Of files of several names, where each was written first: what another item that is alike is made another name of.
///
/// An archive may have millions of such files, and does not say how many names of one are still to come. So of each a few numbers are
/// kept and its path, packed.
struct FirstNames {
  private struct Name {
    let likeness: Int
    var moment: Int
  }

  private var numbers: [ItemExtras.LinkIdentity: UInt32] = [:]
  private var names: [Name] = []
  private var paths = PackedBytes()
  private var held: HeldItems?

  /// - Parameter held: What is counted in what is held; nil where nobody counts.
  init(_ held: HeldItems? = nil) {
    self.held = held
  }

  /// Where what an item is another name of was written; nil when it is none.
  ///
  /// - Returns: The path, and the hash of the moment.
  func first(of item: ArchiveItem) -> (path: ArraySlice<UInt8>, moment: Int)? {
    guard let link = item.extras.link, let number = numbers[link] else { return nil }
    let name = names[Int(number)]
    return name.likeness == item.likeness ? (paths[Int(number)], name.moment) : nil
  }

  /// Takes an item that was written, in place of what has the same identity; one of a single name is not taken.
  ///
  /// - Parameter moment: A hash of the file as it was then.
  /// - Throws: `RepositoryError` when there is more than is held.
  mutating func add(_ item: ArchiveItem, at path: [UInt8], moment: Int = 0) throws(RepositoryError) {
    guard let link = item.extras.link else { return }
    try held?.add(Self.size + path.count)
    numbers[link] = UInt32(names.count)
    names.append(Name(likeness: item.likeness, moment: moment))
    paths.append(path)
  }

  /// The file that an item is another name of has changed by it.
  mutating func renew(_ item: ArchiveItem, moment: Int) {
    guard let link = item.extras.link, let number = numbers[link] else { return }
    names[Int(number)].moment = moment
  }

  /// Nothing is another name any more of what was written at a path under an identity.
  mutating func forget(_ link: ItemExtras.LinkIdentity, at path: [UInt8]) {
    guard let number = numbers[link], paths[Int(number)].elementsEqual(path) else { return }
    numbers[link] = nil
  }

  /// Bytes of what is kept of each besides its path.
  private static let size = 2 * (MemoryLayout<ItemExtras.LinkIdentity>.stride + MemoryLayout<Name>.stride)
}
