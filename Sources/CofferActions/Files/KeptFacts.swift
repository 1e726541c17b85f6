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
  /// - Throws: `SystemError`.
  func extras(
    of facts: stat, _ number: Int32?, subject: String, unread: (SystemError) -> Void
  ) throws(SystemError) -> ItemExtras {
    let type = facts.st_mode & S_IFMT
    var extras = ItemExtras()
    if accessTime { extras.accessed = Int64(nanoseconds: facts.st_atim) }
    if facts.st_nlink > 1, type != S_IFDIR {
      extras.link = ItemExtras.LinkIdentity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino))
    }
    guard let number else { return extras }
    // Of others the calls would ask the device.
    if flags, type == S_IFREG || type == S_IFDIR {
      extras.flags = FileFlags.of(number).map { $0.intersection(.kept).rawValue } ?? 0
    }
    extras.attributes = try Self.attributes(of: number, subject, unread)
    return extras
  }

  private static func attributes(
    of number: Int32, _ subject: String, _ unread: (SystemError) -> Void
  ) throws(SystemError) -> [ItemExtras.Attribute] {
    var attributes: [ItemExtras.Attribute] = []
    var size = 0
    for name in try names(of: number, subject, unread) {
      do throws(SystemError) {
        let value = try ExtendedAttributes.value(of: name, on: number, subject: subject)
        size += name.count + value.count
        attributes.append(ItemExtras.Attribute(name: name, value: value))
      } catch {
        // One that was removed meanwhile is none.
        guard error.code != ENODATA else { continue }
        guard isForbidden(error.code) else { throw error }
        unread(error)
      }
      guard size <= ItemExtras.attributeLimit else {
        throw SystemError(call: "getxattr", subject: subject, code: E2BIG)
      }
    }
    return attributes
  }

  private static func names(
    of number: Int32, _ subject: String, _ unread: (SystemError) -> Void
  ) throws(SystemError) -> [[UInt8]] {
    do throws(SystemError) {
      return try ExtendedAttributes.names(of: number, subject: subject)
    } catch {
      guard isForbidden(error.code) else { throw error }
      unread(error)
      return []
    }
  }

  /// Whether an attribute is there and is not for this user; of what is open by its place only, nothing can be read without
  /// /proc (ENOENT).
  private static func isForbidden(_ code: Int32) -> Bool {
    [EACCES, EPERM, ENOENT].contains(code) || ExtendedAttributes.isUnknown(code)
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
