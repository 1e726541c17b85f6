import CSystem
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Gives what was written its owner, mode, attributes and times.
struct FactSetter {
  let restoresOwners: Bool
  /// Whether this user may make programs that others run as somebody else.
  let givesRights: Bool
  let lost: LostFacts

  static let specialBits: mode_t = 0o6000
  private static let capability = Array("security.capability".utf8)
  private static let accessLists = ["system.posix_acl_access", "system.posix_acl_default"].map { Array($0.utf8) }

  /// Whether others run as somebody else what this is.
  static func hasRights(_ item: ArchiveItem) -> Bool {
    mode_t(truncatingIfNeeded: item.mode) & specialBits != 0
      || item.extras.attributes.contains { $0.name == capability }
  }

  /// The owner first, because setting it takes special bits and capabilities away; and those only when owner and group are
  /// right: a program that ran as one user must not run as another. Attributes before the mode, which may forbid them, and
  /// access control lists behind it, which they are a part of.
  ///
  /// - Parameters:
  ///   - number: What was written, open; be it by its place only, if `place` says where it is.
  ///   - place: In a folder that nobody else writes in, unless it is a link.
  /// - Returns: Whether owner and group are what they were.
  /// - Throws: `SystemError` when what was written cannot even be looked at.
  @discardableResult
  func apply(_ item: ArchiveItem, to number: Int32, at place: (folder: Folder, name: EntryName)? = nil) throws -> Bool {
    let subject = item.path.text
    if restoresOwners { _ = fchownat(number, "", item.userID, item.groupID, coffer_at_empty_path) }
    var facts = stat()
    guard fstat(number, &facts) == 0 else { throw SystemError(call: "fstat", subject: subject) }
    let hasOwners = facts.st_uid == item.userID && facts.st_gid == item.groupID
    if restoresOwners, !hasOwners { lost.add(.owners, item.path) }
    setAttributes(of: item, on: number, mayGiveRights: restoresOwners && givesRights && hasOwners)
    if item.content.hasMode {
      setMode(of: item, on: number, place, hasOwners: hasOwners)
      for attribute in item.extras.attributes where Self.accessLists.contains(attribute.name) {
        set(attribute, .accessLists, of: item, on: number)
      }
    }
    setTimes(of: item, on: number, place)
    if item.extras.hasUnknown { lost.add(.unknown, item.path) }
    return hasOwners
  }

  private func setMode(
    of item: ArchiveItem, on number: Int32, _ place: (folder: Folder, name: EntryName)?, hasOwners: Bool
  ) {
    var mode = mode_t(truncatingIfNeeded: item.mode) & 0o7777
    if mode & Self.specialBits != 0, !hasOwners || !givesRights {
      mode &= ~Self.specialBits
      lost.add(.rights, item.path)
    }
    do throws(SystemError) {
      if let place {
        try place.folder.setMode(mode, of: place.name)
      } else {
        guard fchmod(number, mode) == 0 else { throw SystemError(call: "chmod", subject: item.path.text) }
      }
    } catch {
      lost.add(.modes, item.path, error)
    }
  }

  private func setTimes(of item: ArchiveItem, on number: Int32, _ place: (folder: Folder, name: EntryName)?) {
    let modified = timespec(nanoseconds: item.modified)
    let accessed = item.extras.accessed.map { timespec(nanoseconds: $0) } ?? modified
    do throws(SystemError) {
      if let place {
        try place.folder.setTimes(accessed: accessed, modified: modified, of: place.name)
      } else {
        guard futimens(number, [accessed, modified]) == 0 else {
          throw SystemError(call: "utimens", subject: item.path.text)
        }
      }
    } catch {
      lost.add(.times, item.path, error)
    }
  }

  // MARK: - Attributes

  private func setAttributes(of item: ArchiveItem, on number: Int32, mayGiveRights: Bool) {
    let wanted = item.extras.attributes
    removeInherited(wanted, item, number)
    for attribute in wanted where !Self.accessLists.contains(attribute.name) {
      if attribute.name != Self.capability {
        set(attribute, .attributes, of: item, on: number)
      } else if mayGiveRights {
        set(attribute, .capabilities, of: item, on: number)
      } else {
        lost.add(.capabilities, item.path)
      }
    }
  }

  /// Access control lists that a file gets of the folder it is made in say something else than its own mode.
  private func removeInherited(_ wanted: [ItemExtras.Attribute], _ item: ArchiveItem, _ number: Int32) {
    do throws(SystemError) {
      let names = try ExtendedAttributes.names(of: number, subject: item.path.text)
      for name in names where Self.accessLists.contains(name) && !wanted.contains(where: { $0.name == name }) {
        try ExtendedAttributes.remove(name, from: number, subject: item.path.text)
      }
    } catch {
      // Without /proc nothing is known of what is open by its place only, and without lists there are none to be removed.
      if error.code != ENOENT, error.code != ENODATA { lost.add(.accessLists, item.path, error) }
    }
  }

  private func set(_ attribute: ItemExtras.Attribute, _ kind: LostFacts.Kind, of item: ArchiveItem, on number: Int32) {
    let subject = item.path.text
    // What the system sets by itself, a label for example, not everybody may set.
    if let now = try? ExtendedAttributes.value(of: attribute.name, on: number, subject: subject), now == attribute.value
    {
      return
    }
    do throws(SystemError) {
      try ExtendedAttributes.set(attribute.name, to: attribute.value, on: number, subject: subject)
    } catch {
      lost.add(kind, item.path, "\(String(decoding: attribute.name, as: UTF8.self)): \(error.reason)")
    }
  }
}

extension ArchiveItem.Content {
  fileprivate var hasMode: Bool {
    if case .symbolicLink = self { false } else { true }
  }
}

extension timespec {
  /// Rounded down, without leaving the range of numbers: a stolen key signs the earliest time there is, too.
  init(nanoseconds: Int64) {
    let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let before = rest < 0 ? 1 : 0
    self.init(tv_sec: Int(whole) - before, tv_nsec: Int(rest) + before * 1_000_000_000)
  }
}
