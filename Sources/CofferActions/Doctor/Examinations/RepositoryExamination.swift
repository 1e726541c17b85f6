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
        ] + place
      } catch let error as RunCancelled {
        throw error
      } catch {
        return Finding.problems(error)
      }
    }
  }
}
