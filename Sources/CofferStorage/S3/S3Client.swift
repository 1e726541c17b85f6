import CofferHTTP
import CofferSystem

/// Signs requests, sends them, and renews credentials that have ended.
struct S3Client: Sendable {
  let target: S3Target
  let location: String
  let credentials: S3CredentialKeeper
  let clock: Clock
  let connections: HTTPConnectionPool

  /// A request about an object, or about the bucket.
  struct Request {
    let operation: S3Operation
    var method = HTTPRequest.Method.get
    /// With the prefix; nil for the bucket.
    var key: String?
    /// For messages.
    var name: ObjectName?
    var query: [(String, String)] = []
    var headers: [(String, String)] = []
    /// Bytes of the answer at most.
    var limit = S3Client.documentLimit
    /// Bytes of the answer as far as they are known before.
    var expected = 0
  }

  enum Outcome {
    case done(HTTPAnswer)
    case refused(S3Refusal, StorageError, mayHaveComeTwice: Bool)
  }

  /// Bytes of a document at most: a page of a list has 1,000 names of 1,024 bytes, and some more for each.
  static let documentLimit = 8 << 20

  private static let emptyHash = Digests.hexadecimal(Digests.sha256(""))

  /// Sends a request and takes the answer.
  ///
  /// - Parameter hash: The body's SHA-256 in hexadecimal digits, where it is known.
  /// - Throws: When there was none; `StorageError.cancelled`.
  func send(
    _ request: Request, body: UnsafeRawBufferPointer? = nil, hash known: String? = nil, cancellation: Cancellation?
  ) throws(StorageError) -> Outcome {
    if cancellation?.isCancelled == true { throw .cancelled(location: location) }
    let hash = known ?? body.map { Digests.hexadecimal(Digests.sha256($0)) } ?? Self.emptyHash
    var signer = try signer(request, cancellation) { (keeper) throws(S3CredentialError) in
      try keeper.current(cancellation)
    }
    var answer = try exchange(request, body, hash: hash, signer, cancellation)
    guard !(200...299).contains(answer.status) else { return .done(answer) }
    var refusal = S3Refusal(answer)
    if refusal.isEndOfCredentials {
      let ended = signer
      signer = try self.signer(request, cancellation) { (keeper) throws(S3CredentialError) in
        try keeper.renewed(after: ended, cancellation)
      }
      answer = try exchange(request, body, hash: hash, signer, cancellation)
      guard !(200...299).contains(answer.status) else { return .done(answer) }
      refusal = S3Refusal(answer)
    }
    return .refused(refusal, error(refusal, request, signer), mayHaveComeTwice: answer.mayHaveComeTwice)
  }

  private func error(_ refusal: S3Refusal, _ request: Request, _ signer: S3Credentials) -> StorageError {
    if let name = request.name {
      if refusal.isFull { return .full(name, location: location) }
      if refusal.isMissing, request.operation != .put { return .missing(name, location: location) }
    }
    return .failed(
      request.name, location: location, refusal.failure(of: request.operation, at: target, signer, now: clock.now()))
  }

  private func signer(
    _ request: Request, _ cancellation: Cancellation?,
    _ get: (S3CredentialKeeper) throws(S3CredentialError) -> S3Credentials
  ) throws(StorageError) -> S3Credentials {
    do throws(S3CredentialError) {
      return try get(credentials)
    } catch {
      if error.isCancelled || cancellation?.isCancelled == true { throw .cancelled(location: location) }
      throw .failed(
        request.name, location: location,
        StorageFailure(
          error.isTransient ? .transient : .denied, request.operation.rawValue,
          reason: "no credentials: \(error.place): \(error.problem)", suggestion: error.suggestion))
    }
  }

  private func exchange(
    _ request: Request, _ body: UnsafeRawBufferPointer?, hash: String, _ signer: S3Credentials,
    _ cancellation: Cancellation?
  ) throws(StorageError) -> HTTPAnswer {
    let path = target.path(of: request.key)
    let signature = RequestSignature(
      credentials: signer, region: target.region, service: "s3", time: clock.now())
    // libcurl names the host by itself.
    let headers = signature.headers(
      for: .init(
        method: request.method.rawValue, path: path, query: request.query,
        headers: [("Host", target.host), ("X-Amz-Content-Sha256", hash)] + request.headers, payload: hash)
    ).dropFirst()
    let query = RequestSignature.canonicalQuery(request.query)
    var message = HTTPRequest(
      request.method, target.url + path + (query.isEmpty ? "" : "?\(query)"), headers: headers.map { [$0.0, $0.1] })
    message.authorities = target.authorities
    do throws(HTTPError) {
      return try connections.exchange(
        message, body: body, hiding: signer.secrets, limit: request.limit, expecting: request.expected,
        cancellation: cancellation)
    } catch {
      throw self.error(error, request)
    }
  }

  private func error(_ error: HTTPError, _ request: Request) -> StorageError {
    let (kind, suggestion): (StorageFailure.Kind, String?)
    switch error {
    case .cancelled: return .cancelled(location: location)
    case .untrusted:
      (kind, suggestion) = (
        .permanent, "If its certificate is by an authority of your own, name that in 's3: ca_file'"
      )
    case .unable: (kind, suggestion) = (.permanent, nil)
    case .unreachable, .redirected, .refused, .failed:
      (kind, suggestion) = (.transient, "Check the network, and the server's name and port")
    }
    return .failed(
      request.name, location: location,
      StorageFailure(
        kind, request.operation.rawValue, reason: "\(error.diagnosis.subject): \(error.diagnosis.problem)",
        suggestion: suggestion))
  }
}
