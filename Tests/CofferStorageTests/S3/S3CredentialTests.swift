import CofferConfiguration
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Credentials of object storage")
struct S3CredentialTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try FileManager.default.createDirectory(atPath: "\(scratch.path)/.aws", withIntermediateDirectories: true)
  }

  private func write(_ path: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: "\(scratch.path)/\(path)"))
  }

  /// Nothing asks the machine's own service, unless a test says so.
  private func chain(
    _ environment: [String: String] = [:], profile: String? = nil, configured: S3Credentials? = nil
  ) -> S3CredentialChain {
    var made = S3TestStore("s3://bucket")
    made.currentFolder = scratch.path
    made.environment = ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true"]
      .merging(environment) { $1 }
    return S3CredentialChain(
      configured: configured, profile: profile, region: "us-east-1", surroundings: made.surroundings)
  }

  private func loaded(_ environment: [String: String] = [:], profile: String? = nil) throws -> [String?] {
    let credentials = try chain(environment, profile: profile).load(nil)
    return [credentials.accessKey, credentials.secretKey, credentials.sessionToken]
  }

  private func problem(_ environment: [String: String] = [:], profile: String? = nil) throws -> String {
    let error = #expect(throws: S3CredentialError.self) { try chain(environment, profile: profile).load(nil) }
    return try #require(error).description
  }

  private let keys = ["AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "env-secret"]

  @Test(
    "The configuration counts more than the environment, that more than files, and a profile that is configured more than both"
  )
  func order() throws {
    try write(".aws/credentials", "[default]\naws_access_key_id = AKFILE\naws_secret_access_key = file-secret\n")
    #expect(try loaded() == ["AKFILE", "file-secret", nil])
    #expect(try loaded(keys) == ["AKENV", "env-secret", nil])
    #expect(try loaded(keys.merging(["AWS_SESSION_TOKEN": "t"]) { $1 }) == ["AKENV", "env-secret", "t"])
    #expect(try loaded(keys, profile: "default") == ["AKFILE", "file-secret", nil])
    let own = S3Credentials(accessKey: "AKOWN", secretKey: "own", origin: "x")
    #expect(try chain(keys, configured: own).load(nil) == own)
    #expect(try problem(["AWS_ACCESS_KEY_ID": "A"]).contains("AWS_SECRET_ACCESS_KEY"))
  }

  @Test("Profiles are read of both files, by their names, comments and settings of settings left out")
  func profiles() throws {
    try write(
      ".aws/config",
      """
      # comment
      [default]
      region = eu-north-1
      [profile work]
      aws_access_key_id=AKWORK
        nested = x
      aws_secret_access_key = work=secret
      aws_session_token = token ; not a comment
      [work2]
      aws_access_key_id = wrong
      """)
    try write(".aws/credentials", "[work]\r\naws_secret_access_key = better\r\n[other]\r\nregion = x\r\n")
    #expect(try loaded(["AWS_PROFILE": "work"]) == ["AKWORK", "better", "token ; not a comment"])
    #expect(try problem(profile: "absent").contains("profile absent"))
    #expect(try problem(profile: "other").contains("no credentials"))
    #expect(try problem(["AWS_PROFILE": "profile work"]).contains("without 'profile'"))
    #expect(try problem() == S3CredentialError.none.description)
    var made = S3TestStore("s3://bucket")
    made.environment = ["HOME": scratch.path]
    #expect(try made.store().client.target.region == "eu-north-1")
    try write("else", "[default]\naws_access_key_id = AKELSE\naws_secret_access_key = s\n")
    #expect(try loaded(["AWS_SHARED_CREDENTIALS_FILE": "\(scratch.path)/else"]) == ["AKELSE", "s", nil])
  }

  @Test("A file that others may write to is not obeyed")
  func untrusted() throws {
    try write(".aws/config", "[default]\ncredential_process = /bin/false\n")
    chmod("\(scratch.path)/.aws/config", 0o666)
    #expect(try problem().contains("Other users may write"))
  }

  @Test("A program is asked, and what it says is read or refused")
  func process() throws {
    func profile(_ json: String, more: String = "") throws {
      try write("answer", json)
      try write(".aws/config", "[default]\ncredential_process = sh -c \"\(more)cat '\(scratch.path)/answer'\"\n")
    }
    try profile(
      #"{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "sp", "SessionToken": "tp", "Expiration": "2099-01-01T00:00:00Z"}"#
    )
    let credentials = try chain().load(nil)
    #expect([credentials.accessKey, credentials.secretKey, credentials.sessionToken] == ["AKP", "sp", "tp"])
    #expect(credentials.expires == AWSTime.iso8601("2099-01-01T00:00:00Z"))
    for text in [
      "", "{}", #"{"AccessKeyId": "A"}"#, #"{"AccessKeyId": "A", "SecretAccessKey": "hidden", "Expiration": "soon"}"#,
    ] {
      try profile(text)
      let problem = try problem()
      #expect(problem.contains("credential_process") && !problem.contains("hidden"))
    }
    try profile("{}", more: "echo broken >&2; exit 3; ")
    #expect(try problem().contains("broken"))
  }

  // MARK: - Services

  private static func issued(_ number: Int = 1, token: String = "Token", minutes: Double = 60) -> String {
    let end = AWSTime.iso8601(Date().addingTimeInterval(minutes * 60))
    return
      #"{"Code": "Success", "AccessKeyId": "AK\#(number)", "SecretAccessKey": "s\#(number)", "\#(token)": "t\#(number)", "Expiration": "\#(end)"}"#
  }

  private static func assumed(_ action: String) -> String {
    """
    <\(action)Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><\(action)Result><Credentials>
    <AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
    <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></\(action)Result></\(action)Response>
    """
  }

  @Test("A container's service is asked with its token, and only where nobody in the net can answer")
  func container() throws {
    let server = try RecordingHTTPServer { _ in .init(body: Self.issued()) }
    try write("token", "pod-token\n")
    let environment = [
      "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(server.url)/v1/credentials?x=1",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "\(scratch.path)/token",
    ]
    #expect(try loaded(environment) == ["AK1", "s1", "t1"])
    #expect(server.requests.map(\.target) == ["/v1/credentials?x=1"])
    #expect(server.requests[0].method == "GET" && server.requests[0].headers["authorization"] == "pod-token")
    for url in [
      "http://example.org/x", "http://127.0.0.1@example.org/x", "ftp://127.0.0.1/x",
      "http://169.254.170.2.example.org/",
    ] {
      #expect(try problem(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url]).contains("neither https nor"))
    }
    let refusing = try RecordingHTTPServer { request in
      .init(status: 400, body: "no: \(request.headers["authorization"] ?? "")")
    }
    let refusal = try problem([
      "AWS_CONTAINER_CREDENTIALS_FULL_URI": refusing.url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "hidden-token",
    ])
    #expect(refusal.contains("400") && !refusal.contains("hidden-token"))
  }

  @Test("An instance's service is asked by its second version: first for a token, then for the role, then for its keys")
  func instance() throws {
    let server = try RecordingHTTPServer { request in
      switch (request.method, request.target) {
      case ("PUT", "/latest/api/token"): .init(body: "session")
      case ("GET", "/latest/meta-data/iam/security-credentials/"): .init(body: "my-role\n")
      case ("GET", "/latest/meta-data/iam/security-credentials/my-role"): .init(body: Self.issued())
      default: .init(status: 404)
      }
    }
    let environment = ["AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url + "/"]
    #expect(try loaded(environment) == ["AK1", "s1", "t1"])
    #expect(server.requests.map(\.method) == ["PUT", "GET", "GET"])
    #expect(server.requests[0].headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600")
    #expect(server.requests[1...].allSatisfy { $0.headers["x-aws-ec2-metadata-token"] == "session" })
    let empty = try RecordingHTTPServer { _ in .init(body: "") }
    #expect(
      try problem(["AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": empty.url])
        .contains("no role"))
  }

  @Test("A token of the environment's is changed for a role's keys, without a signature")
  func webIdentity() throws {
    let server = try RecordingHTTPServer { _ in .init(body: Self.assumed("AssumeRoleWithWebIdentity")) }
    try write("jwt", "web.identity/token=\n")
    let environment = [
      "AWS_WEB_IDENTITY_TOKEN_FILE": "\(scratch.path)/jwt", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
      "AWS_ENDPOINT_URL_STS": server.url,
    ]
    #expect(try loaded(environment) == ["ASIA1", "role-secret", "role-token"])
    let request = try #require(server.requests.first)
    #expect(
      request.body
        == "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=coffer"
        + "&Version=2011-06-15&WebIdentityToken=web.identity%2Ftoken%3D")
    #expect(request.method == "POST" && request.target == "/" && request.headers["authorization"] == nil)
    let refusing = try RecordingHTTPServer { _ in
      .init(
        status: 403,
        body:
          "<ErrorResponse><Error><Code>AccessDenied</Code><Message>web.identity/token= is bad</Message></Error></ErrorResponse>"
      )
    }
    let refusal = try problem(environment.merging(["AWS_ENDPOINT_URL_STS": refusing.url]) { $1 })
    #expect(refusal.contains("AccessDenied") && !refusal.contains("web.identity/token"))
  }

  @Test("A profile takes on a role by another's keys, by its own, or by what the machine has; never in a circle")
  func roles() throws {
    let server = try RecordingHTTPServer { _ in .init(body: Self.assumed("AssumeRole")) }
    let environment = ["AWS_ENDPOINT_URL_STS": server.url]
    try write(
      ".aws/config",
      """
      [profile role]
      role_arn = arn:aws:iam::1:role/r
      source_profile = base
      external_id = ext
      duration_seconds = 900
      role_session_name = me
      [profile base]
      aws_access_key_id = AKBASE
      aws_secret_access_key = base-secret
      [profile own]
      role_arn = arn:r
      source_profile = own
      aws_access_key_id = AKOWN
      aws_secret_access_key = own-secret
      [profile machine]
      role_arn = arn:r
      credential_source = Environment
      [profile a]
      role_arn = arn:a
      source_profile = b
      [profile b]
      role_arn = arn:b
      source_profile = a
      [profile nobody]
      role_arn = arn:n
      [profile second-factor]
      role_arn = arn:n
      source_profile = base
      mfa_serial = arn:mfa
      """)
    #expect(try loaded(environment, profile: "role") == ["ASIA1", "role-secret", "role-token"])
    let request = try #require(server.requests.first)
    #expect(
      request.body == "Action=AssumeRole&DurationSeconds=900&ExternalId=ext&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
        + "&RoleSessionName=me&Version=2011-06-15")
    let authorization = try #require(request.headers["authorization"])
    #expect(authorization.contains("Credential=AKBASE/") && authorization.contains("/us-east-1/sts/aws4_request"))
    #expect(authorization.contains("SignedHeaders=content-type;host;x-amz-date,"))
    _ = try loaded(environment, profile: "own")
    #expect(server.requests.last?.headers["authorization"]?.contains("Credential=AKOWN/") == true)
    _ = try loaded(environment.merging(keys) { $1 }, profile: "machine")
    #expect(server.requests.last?.headers["authorization"]?.contains("Credential=AKENV/") == true)
    #expect(try problem(environment, profile: "a").contains("leads back"))
    #expect(try problem(environment, profile: "nobody").contains("source_profile"))
    #expect(try problem(environment, profile: "second-factor").contains("second factor"))
  }

  // MARK: - While they last

  private final class Source: S3CredentialSource {
    private let count = Mutex(0)
    private let end: @Sendable (Int) -> Date?

    init(_ end: @escaping @Sendable (Int) -> Date?) {
      self.end = end
    }

    func load(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials {
      let number = count.withLock { count in
        count += 1
        return count
      }
      guard let end = end(number) else { throw S3CredentialError("source", "gone") }
      return S3Credentials(accessKey: "AK\(number)", secretKey: "s", expires: end, origin: "x")
    }
  }

  @Test("They are renewed before they end; if that fails, those that are still good are used")
  func renewal() throws {
    let now = Mutex(Date(timeIntervalSince1970: 1000))
    let seconds = Mutex(0.0)
    let clock = Clock(now: { now.withLock { $0 } }, steadySeconds: { seconds.withLock { $0 } })
    let keeper = S3CredentialKeeper(
      Source { $0 == 3 ? nil : Date(timeIntervalSince1970: 1000 + 3600 * Double($0)) }, clock: clock)
    #expect(try keeper.current(nil).accessKey == "AK1")
    now.withLock { $0 += 3200 }
    #expect(try keeper.current(nil).accessKey == "AK1")
    now.withLock { $0 += 200 }
    seconds.withLock { $0 += 3400 }
    #expect(try keeper.current(nil).accessKey == "AK2")
    now.withLock { $0 += 3600 }
    seconds.withLock { $0 += 3600 }
    #expect(try keeper.current(nil).accessKey == "AK2")
    // The source was just asked: whoever comes now does not wait for it.
    seconds.withLock { $0 += 29 }
    #expect(try keeper.current(nil).accessKey == "AK2")
    seconds.withLock { $0 += 1 }
    #expect(try keeper.current(nil).accessKey == "AK4")
  }

  @Test("Near their end the source is asked now and then, and by every request once they have ended")
  func seldom() throws {
    let now = Mutex(Date(timeIntervalSince1970: 1000))
    let clock = Clock(now: { now.withLock { $0 } }, steadySeconds: { 0 })
    // Has none that last longer yet.
    let early = S3CredentialKeeper(Source { _ in Date(timeIntervalSince1970: 1200) }, clock: clock)
    for _ in 0..<3 { #expect(try early.current(nil).accessKey == "AK1") }
    now.withLock { $0 += 200 }
    for number in 2...3 { #expect(try early.current(nil).accessKey == "AK\(number)") }
  }

  /// A service that issues other credentials each time that it is asked.
  private func issuing() throws -> RecordingHTTPServer {
    let answers = Mutex(0)
    return try RecordingHTTPServer { _ in
      let number = answers.withLock { answers in
        answers += 1
        return answers
      }
      return .init(body: Self.issued(number))
    }
  }

  @Test("A look at an object, whose refusal has no words, renews what has ended, too")
  func endedHead() throws {
    let service = try issuing()
    for status in [400, 403] {
      let ended = "t\(service.requests.count + 1)"
      let server = try S3StandIn(objects: ["pre/a": "xyz"]) { _, request in
        request.headers["x-amz-security-token"] == ended ? .refusal(status, "ExpiredToken") : nil
      }
      let store = try S3TestStore(
        server.address, environment: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url]
      ).store()
      #expect(try store.status(of: try objectName("a")).size == 3)
      #expect(throws: StorageError.missing(try objectName("b"), location: store.location)) {
        try store.status(of: try objectName("b"))
      }
    }
    #expect(service.requests.count == 4)
  }

  @Test("What a server calls ended is renewed once, by one of many threads, and the request made again")
  func ended() throws {
    let service = try issuing()
    let server = try S3StandIn(objects: ["pre/a": "x"]) { _, request in
      request.headers["x-amz-security-token"] == "t1" ? .refusal(400, "ExpiredToken") : nil
    }
    let store = try S3TestStore(
      server.address, environment: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url]
    ).store()
    let name = try objectName("a")
    let failures = Mutex<[String]>([])
    let threads = try (0..<4).map { _ in
      try WorkerThread(name: "get") {
        do { _ = try store.get(name, range: nil) } catch { failures.withLock { $0.append("\(error)") } }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])
    #expect(service.requests.count == 2)
    let never = try S3StandIn { _, _ in .refusal(400, "ExpiredToken") }
    let error = #expect(throws: StorageError.self) { try S3TestStore(never.address).store().get(name, range: nil) }
    #expect(error?.kind == .denied && never.requests.count == 2)
  }
}
