import CofferStorage
import Foundation

/// A real server of object storage that contrib/test has started, as it tells of it in variables of the environment.
enum S3TestServer: String, CaseIterable, Sendable {
  case seaweedfs, rclone, moto

  /// A bucket of it, as a repository's address.
  private var bucket: String? { ProcessInfo.processInfo.environment["COFFER_TEST_S3_\(rawValue.uppercased())"] }

  var isStarted: Bool { bucket != nil }

  static var started: [S3TestServer] { allCases.filter(\.isStarted) }

  /// Whether it refuses to overwrite when it is asked to.
  var isExclusive: Bool { self != .rclone }

  struct NotStarted: Error {}

  /// The place of a repository that nobody else uses.
  func address(below bucket: String = "") throws -> String {
    guard let known = self.bucket else { throw NotStarted() }
    return "\(known)\(bucket)/\(UUID().uuidString.lowercased())"
  }

  static let keys = [
    "AWS_ACCESS_KEY_ID": "coffer-access", "AWS_SECRET_ACCESS_KEY": "coffer-secret", "AWS_REGION": "us-east-1",
  ]

  func store(_ options: String = "") throws -> any ObjectStore {
    let known = isExclusive ? options : "conditional_put: false" + (options.isEmpty ? "" : ", \(options)")
    return try S3TestStore(try address(), known, environment: Self.keys).store()
  }
}
