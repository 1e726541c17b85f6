import CofferSystem

/// Whether the repositories were looked through for damage as often as is configured.
struct CheckExamination: Examination {
  let name = "check"

  func findings(_ patient: Patient) throws -> [Finding] {
    let now = patient.run.surroundings.clock.now()
    return try patient.forEachOpen { location, access in
      let context = patient.context(location)
      let memory = try CheckMemory(context, access)
      let checks = CheckSchedule(context.root).checks
      guard !checks.isEmpty else {
        return [.advice(location.name, "'checks' names no check", "Take the option out, or name 'repository'")]
      }
      return checks.map { check in
        let last = memory.last(check.name)
        let what = "check '\(check.name.rawValue)'"
        guard let last else {
          return .advice(location.name, "\(what) was never made from this machine", "Run 'coffer check'")
        }
        let made = "\(what) was made on \(Formats.time(last))"
        // One that is made each time is due all the time.
        guard check.interval != nil, check.isDue(last: last, now: now) else { return .ok(location.name, made) }
        return .problem(location.name, "\(made), and is due", "Run 'coffer check'")
      }
    }
  }
}
