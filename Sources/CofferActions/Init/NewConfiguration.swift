import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// A short configuration, as `init` writes it.
struct NewConfiguration {
  let repository: String
  let encryption: String
  /// The file with the passphrase; absolute.
  let passphrase: String
  var databases: [DatabaseProposal] = []
  /// What was found and could not be reached; it stands there as a comment.
  var unreachable: [(proposal: DatabaseProposal, problem: String)] = []
  var sources: [String] = []

  var text: String {
    let command = "cat \(Quoting.shellWord(passphrase))"
    var lines = [
      "# Written by 'coffer init'. 'coffer config validate' checks it, 'coffer config generate' shows all options.", "",
      "repositories:", "  - path: \(Self.value(repository))", "    encryption: \(encryption)", "",
      "# Prints the passphrase of the repository. Keep a copy of it elsewhere: without it nobody can read the backups.",
      "encryption_passcommand: \(Self.value(command))",
    ]
    var options: [String] = []
    for option in (databases + unreachable.map(\.proposal)).map(\.option) where !options.contains(option) {
      options.append(option)
    }
    for option in options {
      let own = databases.filter { $0.option.isSame(as: option) }
      let lost = unreachable.filter { $0.proposal.option.isSame(as: option) }
      lines += ["", own.isEmpty ? "# \(option):" : "\(option):"] + own.flatMap(\.lines)
      for (proposal, problem) in lost {
        lines.append("  # Could not be reached: \(Quoting.terminal(problem))")
        lines += proposal.lines.map { $0.after(beginning: "  #") == nil ? "  #\($0)" : $0 }
      }
    }
    if !sources.isEmpty {
      lines += ["", "# Files and folders beside the databases.", "source_directories:"]
      lines += sources.map { "  - \(Self.value($0))" }
    }
    lines += [
      "", "# How many backups 'coffer prune' keeps.", "keep_daily: 7", "keep_weekly: 4", "keep_monthly: 6", "",
      "# 'coffer status' ends with exit code 1 when the last good backup of anything is older.",
      "backup_within: 26 hours",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// A text that is read back as it is: no variable of the environment is put into it.
  static func value(_ text: String) -> String { Quoting.yaml(Interpolation.literal(text)) }
}
