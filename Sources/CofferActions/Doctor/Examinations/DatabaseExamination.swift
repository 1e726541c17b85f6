import CofferHooks
import CofferSystem

/// Whether every dump can be begun: programs, servers, their versions, rights. Nothing of it is kept.
struct DatabaseExamination: Examination {
  let name = "databases"

  func findings(_ patient: Patient) throws -> [Finding] {
    let context = patient.context()
    let hooks = try context.hookContext()
    var findings: [Finding] = []
    for hook in patient.run.hooks.hooks {
      let dumps: [any PlannedDump]
      do {
        dumps = try hook.dumps(of: context.root, context: hooks)
      } catch let error as RunCancelled {
        throw error
      } catch {
        findings += Finding.problems(error)
        continue
      }
      for dump in BackupPlan.atOwnPlaces(dumps) {
        try context.cancellation.check()
        do {
          let facts = try BackupRehearsal.begin(dump, hooks, context.root)
          findings.append(.ok(dump.identity.title, "its dump begins" + Self.versions(facts)))
        } catch let error as RunCancelled {
          throw error
        } catch {
          findings += Finding.problems(error)
        }
      }
    }
    return findings
  }

  private static func versions(_ facts: DumpFacts?) -> String {
    let known = [facts?.serverVersion.map { "server \($0)" }, facts?.clientVersion].compactMap(\.self)
    return known.isEmpty ? "" : " (\(known.joined(separator: ", ")))"
  }
}
