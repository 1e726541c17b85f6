import CofferRepository
import CofferSystem

/// What a search has found in archives: of each path what became of it from archive to archive.
struct FoundItems {
  /// Archives that follow each other and hold the same at the path.
  struct Version {
    let item: ArchiveItem
    /// Of the archives, among those of the host.
    fileprivate var numbers: ClosedRange<Int>
  }

  /// Hosts may keep different things at one path.
  struct Place: Hashable {
    let hostname: ExactName
    let path: ItemPath
  }

  private(set) var places: [(place: Place, versions: [Version])] = []
  private var numbers: [Place: Int] = [:]
  /// Those of each host that were searched.
  private var archives: [ExactName: [Archive]] = [:]

  var hasSeveralHosts: Bool { archives.count > 1 }

  /// The archives that hold a version of what is at a place.
  func archives(of version: Version, at place: Place) -> ArraySlice<Archive> {
    archives[place.hostname]?[version.numbers] ?? []
  }

  /// Adds what was found in one archive; archives come in their order.
  mutating func add(_ items: some Sequence<ArchiveItem>, in archive: Archive) {
    let host = ExactName(archive.draft.hostname)
    let number = archives[host, default: []].count
    archives[host, default: []].append(archive)
    for item in items {
      let place = Place(hostname: host, path: item.path)
      let version = Version(item: item, numbers: number...number)
      guard let index = numbers[place] else {
        numbers[place] = places.count
        places.append((place, [version]))
        continue
      }
      let last = places[index].versions.count - 1
      let before = places[index].versions[last]
      // A path that an archive holds twice is one path.
      if before.numbers.upperBound == number { continue }
      if before.numbers.upperBound == number - 1, before.item.isSame(as: item) {
        places[index].versions[last].numbers = before.numbers.lowerBound...number
      } else {
        places[index].versions.append(version)
      }
    }
  }
}

extension ArchiveItem {
  /// Whether both are the same, but for when they were read last.
  fileprivate func isSame(as other: ArchiveItem) -> Bool {
    var (one, two) = (self, other)
    one.extras.accessed = nil
    two.extras.accessed = nil
    // Which file had several names is told by numbers that a restored file system deals anew.
    one.extras.link = nil
    two.extras.link = nil
    return one == two
  }
}
