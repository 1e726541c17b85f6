import CofferConfiguration
import CofferSystem
import Glibc

/// The profiles of `~/.aws/credentials` and `~/.aws/config`
/// (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html).
struct S3Profiles {
  private let settings: [ExactName: [ExactName: String]]

  /// Reads both files; one that is not there has no profiles.
  ///
  /// - Throws: `S3CredentialError` for one that is there and cannot be read or that other users may change: it can name a
  ///   program to be run.
  init(environment: ProcessEnvironment, files: FileReader) throws(S3CredentialError) {
    let folder = environment.home + "/.aws/"
    let places = [
      (environment["AWS_CONFIG_FILE"] ?? folder + "config", true),
      (environment["AWS_SHARED_CREDENTIALS_FILE"] ?? folder + "credentials", false),
    ]
    var settings: [ExactName: [ExactName: String]] = [:]
    for (path, hasPrefix) in places {
      let path = UserPath.absolute(path, from: "/", home: environment.home)
      let file: FileReader.File
      do throws(SystemError) { file = try files.open(path) } catch {
        if error.code == ENOENT || error.code == ENOTDIR { continue }
        throw S3CredentialError(path, error.diagnosis.problem, suggestion: error.diagnosis.suggestion)
      }
      if let danger = file.danger {
        throw S3CredentialError(path, danger.problem, suggestion: danger.suggestion)
      }
      // What the file of credentials says counts more.
      for (name, values) in Self.sections(String(decoding: file.bytes, as: UTF8.self), hasPrefix: hasPrefix) {
        settings[name, default: [:]].merge(values) { $1 }
      }
    }
    self.settings = settings
  }

  /// - Returns: nil for one that is not there.
  subscript(name: String) -> S3Profile? {
    settings[ExactName(name)].map { S3Profile(name: name, settings: $0) }
  }

  /// - Parameter hasPrefix: Whether profiles but the standard one are called `profile NAME`.
  private static func sections(_ text: String, hasPrefix: Bool) -> [ExactName: [ExactName: String]] {
    var sections: [ExactName: [ExactName: String]] = [:]
    var section: ExactName?
    for line in text.lines() {
      // Settings of settings stand further right; none is needed here.
      guard let first = line.utf8.first, !first.isBlank, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else {
        continue
      }
      if line.begins(with: "[") {
        let words = line.parts(by: "]")[0].after(beginning: "[")?.words ?? []
        let isProfile = words.count == 2 && words[0] == "profile" && hasPrefix
        section = isProfile ? ExactName(words[1]) : words.count == 1 ? ExactName(words[0]) : nil
        if let section { sections[section, default: [:]] = sections[section] ?? [:] }
      } else if let section {
        let parts = line.parts(by: "=", limit: 2)
        guard parts.count == 2 else { continue }
        sections[section]?[ExactName(parts[0].trimmed.asciiLowercased)] = parts[1].trimmed
      }
    }
    return sections
  }
}

/// One profile.
struct S3Profile {
  let name: String
  fileprivate let settings: [ExactName: String]

  /// - Returns: nil for what is not set, or is empty.
  subscript(key: String) -> String? { settings[ExactName(key)].flatMap { $0.isEmpty ? nil : $0 } }
}
