import CofferHTTP
import CofferSystem
import FoundationEssentials

/// Locks on objects: they end, and what later archives need is to be locked for longer.
extension S3Store {
  var lockTime: Double? { client.target.lock?.seconds }

  /// Until when the server deletes an object for nobody; nil when it does not say.
  func lockEnd(_ name: ObjectName, _ cancellation: Cancellation?) throws(StorageError) -> Date? {
    let request = S3Client.Request(operation: .status, method: .head, key: key(name.path), name: name)
    guard case .done(let answer) = try client.send(request, cancellation: cancellation) else { return nil }
    return end(answer)
  }

  private func end(_ answer: HTTPAnswer) -> Date? {
    let end = answer.header("x-amz-object-lock-retain-until-date").flatMap { AWSTime.iso8601($0) }
    return end.flatMap { $0 > client.clock.now() ? $0 : nil }
  }

  func renewLock(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> Bool {
    guard let lock = client.target.lock else { return false }
    let answer = try head(name, .status, cancellation)
    let now = client.clock.now()
    let end = end(answer)
    if let end, end >= now.addingTimeInterval(lock.seconds / 2) { return false }
    // A lock that stands is made longer as it is: to change its mode takes a right of its own.
    let standing = answer.header("x-amz-object-lock-mode")
    let mode = end == nil ? nil : ["GOVERNANCE", "COMPLIANCE"].first { standing?.isSame(as: $0) == true }
    try put(mode ?? lock.mode, until: now.addingTimeInterval(lock.seconds), on: name, cancellation)
    return true
  }

  /// PutObjectRetention (S3 API): of the current version, and never to an earlier time than that of the lock it has.
  private func put(
    _ mode: String, until end: Date, on name: ObjectName, _ cancellation: Cancellation?
  ) throws(StorageError) {
    let document =
      "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>\(mode)</Mode>"
      + "<RetainUntilDate>\(AWSTime.iso8601(end))</RetainUntilDate></Retention>"
    let outcome = try Array(document.utf8).withStoredBytes { (bytes) throws(StorageError) -> S3Client.Outcome in
      var request = S3Client.Request(operation: .lock, method: .put, key: key(name.path), name: name)
      request.query = [("retention", "")]
      if let sum = Digests.md5(bytes) { request.headers = [("Content-MD5", Data(sum).base64EncodedString())] }
      return try client.send(request, body: bytes, cancellation: cancellation)
    }
    if case .refused(_, let error, _) = outcome { throw error }
  }
}
