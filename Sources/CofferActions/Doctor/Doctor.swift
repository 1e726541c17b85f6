import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// Looks at everything that a backup needs.
struct Doctor {
  /// What was found of one configuration file.
  struct Report {
    let configuration: String
    let findings: [(examination: String, finding: Finding)]

    var problemCount: Int { findings.count { $0.finding.grade == .problem } }
  }

  private let run: CommandRun
  private let examinations: [any Examination]

  init(_ run: CommandRun, examinations: [any Examination] = Examinations.all) {
    self.run = run
    self.examinations = examinations
  }

  /// - Throws: `RunCancelled`; `ConfigurationError` when there is no configuration.
  func reports() throws -> [Report] {
    let found = try run.loader.find(named: run.globals[GlobalFlags.config])
    var action = DoctorAction.reading
    action.hooks = run.hooks
    // What no backup reads is asked for by the examination that does.
    let reading = ConfigurationReading { [action] option, entry in action.passesOver(entry, of: option) }
    return try found.paths.map { path in
      do {
        return try report(on: Patient(run, try run.loader.load(path, as: reading)))
      } catch let error as ConfigurationError {
        let findings = Finding.problems(error).map { (examination: "configuration", finding: $0) }
        return Report(configuration: path, findings: findings)
      }
    }
  }

  private func report(on patient: Patient) throws -> Report {
    var findings: [(examination: String, finding: Finding)] = []
    for examination in examinations {
      try run.cancellation.check()
      // One that fails keeps the next from nothing.
      do {
        findings += try examination.findings(patient).map { (examination: examination.name, finding: $0) }
      } catch let error as RunCancelled {
        throw error
      } catch {
        findings += Finding.problems(error).map { (examination: examination.name, finding: $0) }
      }
    }
    return Report(configuration: patient.configuration.path, findings: findings)
  }
}

extension Doctor.Report {
  var json: JSONValue {
    .object([
      "configuration": .text(configuration), "problems": .number(problemCount),
      "findings": .list(
        findings.map { examination, finding in
          .object([
            "examination": .text(examination), "grade": .text(finding.grade.rawValue),
            "subject": .text(finding.subject), "text": .text(finding.text), "remedy": JSONValue(finding.remedy),
          ])
        }),
    ])
  }

  /// A line for each finding.
  var lines: [String] {
    findings.map { examination, finding in
      let word = finding.grade.word
      let grade = word + String(repeating: " ", count: max(6 - word.utf8.count, 0))
      let remedy = finding.remedy.map { " -> \($0)" } ?? ""
      return Quoting.terminal("\(grade)  \(examination): \(finding.subject): \(finding.text)\(remedy)")
    }
  }
}

/// Something must be done.
struct DoctorsFindings: DiagnosableError, Equatable {
  let count: Int

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "doctor", problem: "\(count) thing\(count == 1 ? "" : "s") must be done",
      suggestion: "They are shown above, each with what to do")
  }
}
