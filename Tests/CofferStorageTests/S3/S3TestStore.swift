import CofferConfiguration
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

/// Makes stores as a configuration file does.
struct S3TestStore {
  let address: String
  /// What stands at `s3`, as YAML.
  let options: String
  var environment: [String: String]
  var clock = Clock.system
  var currentFolder = "/here"
  let warnings = Warnings()

  final class Warnings: Sendable {
    private let noted = Mutex<[Diagnosis]>([])
    var all: [Diagnosis] { noted.withLock { $0 } }
    func add(_ diagnosis: Diagnosis) { noted.withLock { $0.append(diagnosis) } }
  }

  static let keys = ["AWS_ACCESS_KEY_ID": "AKIDCOFFER", "AWS_SECRET_ACCESS_KEY": "secret-key-of-tests"]

  init(_ address: String, _ options: String = "", environment: [String: String] = keys) {
    self.address = address
    self.options = options
    // No home: what somebody has in his files is none of the tests' business.
    self.environment = ["HOME": "/nonexistent"].merging(environment) { $1 }
  }

  var surroundings: Surroundings {
    Surroundings(
      environment: ProcessEnvironment(environment), clock: clock,
      random: RandomSource { bytes in
        var generator = SystemRandomNumberGenerator()
        for position in bytes.indices { bytes[position] = UInt8.random(in: 0...255, using: &generator) }
      }, launcher: SystemProcessLauncher(), secretKeeper: KernelKeyring(), currentFolder: currentFolder,
      hostname: "here", username: "me",
      processors: 1)
  }

  func store() throws -> S3Store {
    let text =
      "repositories: [{path: '/r'}]\ns3: \(options.isEmpty ? "{}" : options.contains("{") ? options : "{\(options)}")\n"
    let files = FileReader(
      read: { (path) throws(SystemError) in
        guard path == "/c.yaml" else { throw SystemError(call: "open", subject: path, code: ENOENT) }
        return Array(text.utf8)
      }, entries: { _ in nil })
    let loader = ConfigurationLoader(
      files: files, environment: ProcessEnvironment(environment), currentFolder: "/here",
      options: OptionCatalogue(stores: [S3Options.section.option], databases: [], services: []))
    let root = try loader.load("/c.yaml").root
    return try S3Kind.store(
      for: StoreRequest(
        address: address, options: root, secret: { $0 }, surroundings: surroundings, warn: warnings.add))
  }
}

extension S3StandIn {
  /// A store in it.
  func store(_ options: String = "", clock: Clock = .system) throws -> S3Store {
    var made = S3TestStore(address, options)
    made.clock = clock
    return try made.store()
  }
}

/// The failure that a call has to have; the secret key is not in it.
func failed(_ body: () throws -> Void) throws -> StorageFailure {
  let error = #expect(throws: StorageError.self) { try body() }
  guard case .failed(_, _, let failure) = try #require(error) else {
    Issue.record("\(String(describing: error))")
    throw try #require(error)
  }
  #expect(!failure.reason.contains("secret-key-of-tests"))
  return failure
}
