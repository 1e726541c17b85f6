import CofferSystem
import FoundationEssentials

/// What was asked of the server.
enum S3Operation: String {
  case put, get, status, list, delete, probe, lock

  /// What a policy calls the right to it.
  var right: String {
    switch self {
    case .put, .probe: "s3:PutObject"
    case .get, .status: "s3:GetObject"
    case .list: "s3:ListBucket"
    case .delete: "s3:DeleteObject"
    case .lock: "s3:PutObjectRetention"
    }
  }
}

extension S3Refusal {
  /// What it means for whoever asked, and what to do.
  func failure(
    of operation: S3Operation, at target: S3Target, _ credentials: S3Credentials, now: Date
  ) -> StorageFailure {
    let (kind, reason, suggestion) = meaning(for: operation, target, credentials, now)
    return StorageFailure(
      kind, operation.rawValue, reason: reason, suggestion: suggestion,
      retryAfter: kind == .transient ? retryAfter : nil)
  }

  private func meaning(
    for operation: S3Operation, _ target: S3Target, _ credentials: S3Credentials, _ now: Date
  ) -> (StorageFailure.Kind, String, String?) {
    switch code {
    case "NoSuchBucket":
      return (
        .permanent, "there is no bucket \(target.bucket) at \(target.server.authority)",
        "Make the bucket first, or correct its name in the repository's address"
      )
    case "RequestTimeTooSkewed", "RequestExpired":
      return (.permanent, skew(now), "Set this machine's clock, by NTP if possible; requests are signed with the time")
    case "SignatureDoesNotMatch":
      return (.denied, "the secret key is wrong: \(words)", "Correct the secret key of \(credentials.origin)")
    case "InvalidAccessKeyId", "InvalidClientTokenId":
      return (.denied, "the access key is not known: \(words)", "Correct the access key of \(credentials.origin)")
    case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken":
      return (.denied, "the credentials have ended: \(words)", "Renew those of \(credentials.origin)")
    case "InvalidObjectState":
      return (
        .permanent, "the object is in an archive from which it has to be brought back first",
        "Restore it there, and let no rule of the bucket move objects into a class that cannot be read at once"
      )
    case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException":
      return elsewhere(target)
    case _ where (300...399).contains(status): return elsewhere(target)
    case _ where isTransient: return (.transient, words, nil)
    case _ where status == 401 || status == 403:
      return (
        .denied, words,
        "The key of \(credentials.origin) needs the right \(operation.right) for \(target.bucket)/\(target.prefix)"
      )
    default: return (.permanent, words, nil)
    }
  }

  private func elsewhere(_ target: S3Target) -> (StorageFailure.Kind, String, String?) {
    guard let region, region != target.region else {
      return (.permanent, "\(words); it wants to be asked elsewhere", "Check the server and 's3: region'")
    }
    return (
      .permanent, "the bucket \(target.bucket) is in the region \(region), not in \(target.region)",
      "Set 's3: region: \(region)'"
    )
  }

  private func skew(_ now: Date) -> String {
    guard let serverTime else { return "this machine's clock differs too much from the server's" }
    let seconds = Int(now.timeIntervalSince(serverTime).rounded())
    let (hours, minutes) = (abs(seconds) / 3600, abs(seconds) % 3600 / 60)
    let size = hours > 0 ? "\(hours) h \(minutes) min" : "\(minutes) min \(abs(seconds) % 60) s"
    return "this machine's clock is \(size) \(seconds < 0 ? "behind" : "ahead of") the server's"
  }
}
