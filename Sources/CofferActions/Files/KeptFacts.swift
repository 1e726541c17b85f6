import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// What of a file is kept beside its content.
struct KeptFacts {
  /// Names of owner and group, beside their numbers.
  var names = true
  var flags = true
  var accessTime = false

  init() {}

  init(_ section: ConfigurationSection) {
    names = !section[SourceOptions.numericIDs]
    flags = section[SourceOptions.flags]
    accessTime = section[SourceOptions.accessTime]
  }

  /// What something has that not everything has.
  ///
  /// - Parameters:
  ///   - number: It, open; be it by its place only. nil when it is not to be opened.
  ///   - unread: Told of attributes that may not be read.
  func extras(of facts: stat, _ number: Int32?, subject: String, unread: (SystemError) -> Void) -> ItemExtras {
    let type = facts.st_mode & S_IFMT
    var extras = extras(ItemExtras(), of: facts)
    guard let number else { return extras }
    // Of others the calls would ask the device.
    if flags, type == S_IFREG || type == S_IFDIR {
      extras.flags = FileFlags.of(number).map { $0.intersection(.kept).rawValue } ?? 0
    }
    extras.attributes = Self.attributes(of: number, subject, unread)
    return extras
  }

  /// What is known of something besides its facts, with what these say.
  func extras(_ known: ItemExtras, of facts: stat) -> ItemExtras {
    var extras = known
    if !flags { extras.flags = 0 }
    if accessTime { extras.accessed = Int64(nanoseconds: facts.st_atim) }
    if facts.st_nlink > 1, facts.st_mode & S_IFMT != S_IFDIR {
      extras.link = ItemExtras.LinkIdentity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino))
    }
    return extras
  }

  /// Whoever owns a file gives it attributes as he likes: none of them keeps the file's content, or other files, from being
  /// stored.
  private static func attributes(
    of number: Int32, _ subject: String, _ unread: (SystemError) -> Void
  ) -> [ItemExtras.Attribute] {
    var attributes: [ItemExtras.Attribute] = []
    var size = 0
    // A file system that lists a name twice makes no list of items that cannot be read.
    for name in names(of: number, subject, unread) where attributes.last?.name != name && !again.contains(name) {
      do throws(SystemError) {
        let value = try ExtendedAttributes.value(of: name, on: number, subject: subject)
        size += name.count + value.count
        guard size <= ItemExtras.attributeLimit else {
          unread(SystemError(call: "getxattr", subject: subject, code: E2BIG))
          return attributes
        }
        attributes.append(ItemExtras.Attribute(name: name, value: value))
      } catch {
        // One that was removed meanwhile is none.
        if error.code != ENODATA { unread(error) }
      }
    }
    return attributes
  }

  /// Access control lists, under the names by which XFS shows them to root once more; nowhere else do these mean anything.
  private static let again = ["trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT"].map { Array($0.utf8) }

  private static func names(of number: Int32, _ subject: String, _ unread: (SystemError) -> Void) -> [[UInt8]] {
    do throws(SystemError) {
      return try ExtendedAttributes.names(of: number, subject: subject)
    } catch {
      unread(error)
      return []
    }
  }
}

extension Int64 {
  /// As archives have times; those that are too far away are the farthest there are.
  init(nanoseconds time: timespec) {
    let whole = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    let sum = whole.partialValue.addingReportingOverflow(Int64(time.tv_nsec))
    self = whole.overflow || sum.overflow ? (time.tv_sec < 0 ? .min : .max) : sum.partialValue
  }
}
