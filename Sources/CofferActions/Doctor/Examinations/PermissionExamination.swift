import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// Whether others can change what the configuration says, or read its secrets.
struct PermissionExamination: Examination {
  let name = "permissions"

  func findings(_ patient: Patient) throws -> [Finding] {
    let configuration = patient.configuration
    let files = configuration.filesRead.map { path in
      configurationFile(path, holdsSecrets: configuration.notices.exposed.contains(path))
    }
    let sections = [patient.context().root] + patient.repositories.map { patient.context($0).root }
    let secrets = Set(sections.flatMap(Self.passphraseFiles).map { ExactName($0) }).sorted()
    return files + secrets.map { secretFile($0.text) }
  }

  private func configurationFile(_ path: String, holdsSecrets: Bool) -> Finding {
    do throws(SystemError) {
      let file = try FileReader.system.open(path)
      if let danger = file.danger { return .problem(danger.path, danger.problem, danger.suggestion) }
      guard !holdsSecrets else {
        return .problem(
          path, "It holds secrets, and other users can read it", "chmod go-r \(Quoting.pastedWord(path))")
      }
      return .ok(path, "only its owner can change it")
    } catch {
      return .problem(path, "It cannot be read: \(error.reason)", "Run this as the user who makes the backups")
    }
  }

  private func secretFile(_ path: String) -> Finding {
    do throws(SystemError) {
      let file = try FileReader.system.open(path)
      if let danger = file.danger { return .problem(danger.path, danger.problem, danger.suggestion) }
      guard !file.isExposed else {
        return .problem(
          path, "The passphrase is in it, and other users can read it", "chmod 600 \(Quoting.pastedWord(path))")
      }
      return .ok(path, "only its owner can read the passphrase")
    } catch {
      return .problem(
        path, "The passphrase cannot be read: \(error.reason)", "Bring the file back, or name the right one")
    }
  }

  /// The files that hold a passphrase, as far as the configuration names them: `cat FILE`, and the credential `file`.
  private static func passphraseFiles(_ root: ConfigurationSection) -> [String] {
    var paths: [String] = []
    if let words = root[GeneralOptions.encryptionPasscommand]?.words, words.count == 2,
      words[0].isSame(as: "cat") || words[0].ends(with: "/cat"), words[1].begins(with: "/")
    {
      paths.append(words[1])
    }
    if let text = root[GeneralOptions.encryptionPassphrase],
      let path = text.after(beginning: "{credential file ")?.before(end: "}"), path.begins(with: "/")
    {
      paths.append(path)
    }
    return paths
  }
}
