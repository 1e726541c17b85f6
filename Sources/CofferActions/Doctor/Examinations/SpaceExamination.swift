import CofferConfiguration
import CofferHooks
import CofferSystem
import FoundationEssentials
import Glibc

/// Whether there is room for the next backups: where repositories are on this machine, and where runs keep what cannot
/// stream.
struct SpaceExamination: Examination {
  let name = "space"

  /// So many times what the largest of the last runs added must be free.
  private static let reserve: UInt64 = 2
  /// Less is too little for anything.
  private static let least: UInt64 = 64 << 20

  func findings(_ patient: Patient) throws -> [Finding] {
    let repositories = try patient.forEachOpen { location, access in
      guard let folder = location.folder(patient.context(location)) else {
        return [.ok(location.name, "it is elsewhere, where free space is not asked for")]
      }
      let archives = try access.repository.archives().suffix(5)
      let added = archives.map(\.statistics.storedSize).max() ?? 0
      let wanted = added.multipliedReportingOverflow(by: Self.reserve)
      return [
        try room(
          in: folder, location.name, wanted: wanted.overflow ? .max : max(wanted.partialValue, Self.least),
          remedy: "Make room: 'coffer prune', then 'coffer compact', or a larger disk")
      ]
    }
    let context = patient.context()
    let base = try RuntimeDirectory.base(
      configured: context.root[GeneralOptions.userRuntimeDirectory], environment: context.surroundings.environment)
    let runtime = try room(
      in: base, base, wanted: Self.least, remedy: "Make room, or set user_runtime_directory to another folder")
    return repositories + [runtime]
  }

  private func room(in folder: String, _ subject: String, wanted: UInt64, remedy: String) throws -> Finding {
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else { throw SystemError(call: "statvfs", subject: folder) }
    let product = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
    let free = product.overflow ? UInt64.max : product.partialValue
    let text = "\(Formats.size(free)) free"
    return free < wanted
      ? .problem(subject, "\(text), \(Formats.size(wanted)) should be", remedy) : .ok(subject, text)
  }
}
