import CofferConfiguration
import CofferHTTP
import CofferSystem
import Glibc

/// Looks for credentials where Amazon's programs do, in their order: the configuration, the environment, the profile in
/// the shared files, a token of the environment's, the container, the instance. Asked again it looks again: what other
/// programs renew is found.
struct S3CredentialChain: S3CredentialSource {
  let configured: S3Credentials?
  /// The profile that the configuration names; that counts more than what the environment has.
  let profile: String?
  let region: String
  let surroundings: Surroundings
  var files = FileReader.system
  var userAgent = S3Kind.userAgent

  private var environment: ProcessEnvironment { surroundings.environment }
  private var services: CredentialServices { CredentialServices(userAgent: userAgent) }
  private var machine: MachineCredentials {
    MachineCredentials(environment: environment, files: files, services: services)
  }

  func load(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials {
    if let configured { return configured }
    if profile == nil, let found = try ofEnvironment() { return found }
    let named = profile ?? environment["AWS_PROFILE"]
    let profiles = try S3Profiles(environment: environment, files: files)
    if let found = profiles[named ?? "default"] {
      if let credentials = try credentials(of: found, among: profiles, visited: [], cancellation) { return credentials }
      if named != nil { throw S3CredentialError("profile \(found.name)", "It has no credentials") }
    } else if let named {
      throw S3CredentialError(
        "profile \(named)", "No such profile in ~/.aws/credentials or ~/.aws/config",
        suggestion: "Names of profiles are as the files have them, without 'profile'")
    }
    if let found = try ofWebIdentity(cancellation) { return found }
    if let found = try machine.ofContainer(cancellation) { return found }
    if let found = try machine.ofInstance(cancellation) { return found }
    throw .none
  }

  private func ofEnvironment() throws(S3CredentialError) -> S3Credentials? {
    guard let accessKey = environment["AWS_ACCESS_KEY_ID"], !accessKey.isEmpty else { return nil }
    guard let secretKey = environment["AWS_SECRET_ACCESS_KEY"], !secretKey.isEmpty else {
      throw S3CredentialError("environment", "AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY")
    }
    return S3Credentials(
      accessKey: accessKey, secretKey: secretKey, sessionToken: environment["AWS_SESSION_TOKEN"],
      origin: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
  }

  private func ofWebIdentity(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials? {
    guard let path = environment["AWS_WEB_IDENTITY_TOKEN_FILE"], let role = environment["AWS_ROLE_ARN"] else {
      return nil
    }
    let identity = try self.role(role, sessionName: environment["AWS_ROLE_SESSION_NAME"])
    return try identity.assumed(byToken: try token(path), cancellation)
  }

  // MARK: - Profiles

  /// - Parameter visited: The profiles that lead here; none may lead back.
  /// - Returns: nil for a profile that says nothing about credentials.
  private func credentials(
    of profile: S3Profile, among profiles: S3Profiles, visited: [String], _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> S3Credentials? {
    let place = "profile \(profile.name)"
    if let arn = profile["role_arn"], !visited.contains(profile.name) {
      var role = try self.role(arn, sessionName: profile["role_session_name"])
      role.externalID = profile["external_id"]
      role.seconds = profile["duration_seconds"]
      if let path = profile["web_identity_token_file"] {
        return try role.assumed(byToken: try token(path), cancellation)
      }
      if profile["mfa_serial"] != nil {
        throw S3CredentialError(place, "The role wants a second factor, which nobody can type at night")
      }
      let base = try base(of: profile, among: profiles, visited: visited + [profile.name], cancellation)
      return try role.assumed(by: base, cancellation)
    }
    if let accessKey = profile["aws_access_key_id"] {
      guard let secretKey = profile["aws_secret_access_key"] else {
        throw S3CredentialError(place, "It has aws_access_key_id, but not aws_secret_access_key")
      }
      return S3Credentials(
        accessKey: accessKey, secretKey: secretKey, sessionToken: profile["aws_session_token"], origin: place)
    }
    if let command = profile["credential_process"] { return try output(of: command, place, cancellation) }
    return nil
  }

  /// Who takes on the role of a profile.
  private func base(
    of profile: S3Profile, among profiles: S3Profiles, visited: [String], _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> S3Credentials {
    let place = "profile \(profile.name)"
    if let name = profile["source_profile"] {
      // A profile may be its own source, with the keys that it has beside the role.
      guard let source = profiles[name], name == profile.name || !visited.contains(name) else {
        throw S3CredentialError(place, "source_profile names '\(name)', which is not there or leads back here")
      }
      if let found = try credentials(of: source, among: profiles, visited: visited, cancellation) { return found }
      throw S3CredentialError("profile \(name)", "It has no credentials")
    }
    let found: S3Credentials?
    switch profile["credential_source"]?.asciiLowercased {
    case "environment": found = try ofEnvironment()
    case "ecscontainer": found = try machine.ofContainer(cancellation)
    case "ec2instancemetadata": found = try machine.ofInstance(cancellation)
    default:
      throw S3CredentialError(
        place, "It has role_arn, but says by no source_profile or credential_source who takes it on")
    }
    guard let found else { throw S3CredentialError(place, "Its credential_source has no credentials") }
    return found
  }

  private func output(
    of command: String, _ place: String, _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> S3Credentials {
    guard let words = try? ShellWords.split(command), let program = words.first else {
      throw S3CredentialError(place, "credential_process is no command", suggestion: CommandWords.suggestion)
    }
    let child = ChildCommand(
      program, Array(words.dropFirst()), environment: environment.withoutPassphrases,
      workingDirectory: surroundings.currentFolder)
    let result: CommandResult
    do {
      result = try surroundings.launcher.run(
        child, outputLimit: 256 << 10, seconds: CredentialServices.patience, cancellation: cancellation)
    } catch {
      throw S3CredentialError(
        place, "credential_process: \(Diagnosis(of: error).problem)", isCancelled: error is RunCancelled)
    }
    guard result.status.isSuccess else {
      throw S3CredentialError(
        place, "credential_process: " + (result.errorLines.last ?? "exit status \(result.status.code)"))
    }
    return try IssuedCredentials.read(result.output, from: "credential_process of \(place)")
  }

  // MARK: - Roles

  private func role(_ arn: String, sessionName: String?) throws(S3CredentialError) -> RoleCredentials {
    let text = environment["AWS_ENDPOINT_URL_STS"] ?? "https://sts.\(region).amazonaws.com"
    guard let server = try? S3Server(text), server.isEncrypted || server.isLoopback else {
      throw S3CredentialError("role \(arn)", "AWS_ENDPOINT_URL_STS is no address of https")
    }
    return RoleCredentials(
      role: arn, sessionName: sessionName ?? "coffer", server: server, region: region, services: services,
      clock: surroundings.clock)
  }

  private func token(_ path: String) throws(S3CredentialError) -> String {
    do throws(SystemError) {
      return String(decoding: try files.read(path), as: UTF8.self).trimmed
    } catch {
      throw S3CredentialError("token file \(path)", error.diagnosis.problem, suggestion: error.diagnosis.suggestion)
    }
  }
}
