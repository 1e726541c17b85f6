import CofferHooks
import CofferSystem

/// Whether the repositories are there and open.
struct RepositoryExamination: Examination {
  let name = "repository"

  func findings(_ patient: Patient) throws -> [Finding] {
    try patient.repositories.flatMap { location -> [Finding] in
      do {
        let access = try patient.open(location)
        let count = try access.repository.archives().count
        let place = access.store.abilities.shortcomings.map { Finding.advice(location.name, $0, nil) }
        return [
          .ok(location.name, "it opens, by a key that is \(access.repository.role.rawValue); \(count) archives")
        ] + place + (access.repository.guardsLogNeeds ? [] : Self.logs(patient.context(), location))
      } catch let error as RunCancelled {
        throw error
      } catch {
        return Finding.problems(error)
      }
    }
  }

  /// Programs from before base backups would prune the log that these need.
  private static func logs(_ context: ActionContext, _ location: RepositoryLocation) -> [Finding] {
    let entries = context.root[PostgreSQLClusterOptions.clusters]
    guard entries.contains(where: { $0[PostgreSQLClusterOptions.baseBackup] }) else { return [] }
    return [
      .advice(
        location.name,
        "it was made by a version of coffer that knows no base backups: such a version would prune the log that they need",
        "Upgrade coffer on every machine that runs 'prune' there")
    ]
  }
}
