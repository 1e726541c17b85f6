import CofferActions
import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport

@testable import CofferHooks

extension PostgreSQLServer {
  var target: RestoreTarget {
    RestoreTarget(hostname: hostname, port: port, username: username, password: password)
  }
}

extension RestoreTarget {
  init(path: String) {
    self.init()
    self[SharedChoices.restorePath] = path
  }

  init(schemas: [String]) {
    self.init()
    self.schemas = schemas
  }

  var schemas: [String] {
    get { self[SharedChoices.schemas] }
    set { self[SharedChoices.schemas] = newValue }
  }

  var strategy: RestoreStrategy? {
    get { self[PostgreSQLChoices.strategy] }
    set { self[PostgreSQLChoices.strategy] = newValue }
  }

  var continuesOnErrors: Bool {
    get { self[PostgreSQLChoices.continueOnError] }
    set { self[PostgreSQLChoices.continueOnError] = newValue }
  }
}

/// A hook context with a private runtime directory.
func makeContext(
  limits: DumpLimits = DumpLimits(stall: 60), path: String = "/usr/bin:/bin", cancellation: Cancellation? = nil,
  variables: [String: String] = [:], clock: Clock = .system
) throws -> HookContext {
  signal(SIGPIPE, SIG_IGN)
  let variables = variables.merging(["PATH": path, "HOME": "/nonexistent"]) { given, _ in given }
  return HookContext(
    launcher: SystemProcessLauncher(), environment: ProcessEnvironment(variables), clock: clock,
    cancellation: try cancellation ?? Cancellation(),
    runtime: try RuntimeDirectory(base: NSTemporaryDirectory()), limits: limits,
    credentials: CredentialResolver(environment: ProcessEnvironment(variables), folder: "/"),
    ownProgram: builtProgram)
}

/// The program, which is not the one that runs the tests: the one that is named, or that was built beside them.
var builtProgram: String {
  ProcessInfo.processInfo.environment["COFFER_BINARY"]
    ?? (CommandLine.arguments[0] as NSString).deletingLastPathComponent + "/coffer"
}

/// Reads a configuration of databases only.
func makeRoot(_ databases: String) throws -> ConfigurationSection {
  let text = "repositories:\n  - path: /r\n" + databases
  let reader = FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil })
  return try ConfigurationLoader(
    files: reader, environment: ProcessEnvironment([:]), currentFolder: "/", options: .standard
  )
  .load("/c.yaml").root
}

/// A dump in memory, or in a folder that was kept.
struct TakenDump {
  let facts: DumpFacts
  let bytes: [UInt8]
  let folder: String?
  private(set) var warnings: [String] = []

  /// A dump that was changed.
  init(facts: DumpFacts, bytes: [UInt8]) {
    self.facts = facts
    self.bytes = bytes
    folder = nil
  }

  /// Parts of another dump.
  init(_ dump: TakenDump, parts: [Range<UInt64>]) {
    self.init(facts: dump.facts, bytes: parts.flatMap { dump.bytes[Int($0.lowerBound)..<Int($0.upperBound)] })
  }

  init(_ dump: any PlannedDump, context: HookContext) throws {
    try self.init(dump.start(context: context))
  }

  init(_ running: any RunningDump) throws {
    switch running.output {
    case .folder(let path):
      facts = try running.finish().facts
      bytes = []
      folder = path
    case .stream(let source):
      var all: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      do {
        while case let count = try piece.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
          all.append(contentsOf: piece[..<count])
        }
        let outcome = try running.finish()
        (facts, warnings) = (outcome.facts, outcome.warnings)
      } catch {
        running.abandon()
        throw error
      }
      bytes = all
      folder = nil
    }
  }

  /// The beginning of another dump.
  init(_ dump: TakenDump, length: Int) {
    self.init(facts: dump.facts, bytes: Array(dump.bytes[..<length]))
  }

  /// Another dump with something in it.
  init(_ dump: TakenDump, inserting text: String, at offset: Int) {
    self.init(dump, inserting: Array(text.utf8), at: offset)
  }

  init(_ dump: TakenDump, inserting bytes: [UInt8], at offset: Int) {
    self.init(facts: dump.facts, bytes: dump.bytes[..<offset] + bytes + dump.bytes[offset...])
  }

  /// - Parameter length: Bytes to write before giving up; nil for all.
  @discardableResult
  func restore(_ plan: any PlannedRestore, context: HookContext, length: Int? = nil) throws -> [String] {
    let running = try plan.start(folder: folder, context: context)
    do {
      repeat {
        for start in stride(from: 0, to: length ?? bytes.count, by: 100_000) {
          try Array(bytes[start..<min(start + 100_000, length ?? bytes.count)])
            .withUnsafeBytes { try running.write($0) }
        }
      } while try length == nil && running.endPass()
    } catch {
      running.abandon()
      throw error
    }
    guard length == nil else {
      running.abandon()
      return []
    }
    return try running.finish() + running.makePostponed()
  }
}

/// A folder for programs that stand in for real ones; goes with the value.
struct Programs {
  private let folder: RuntimeDirectory

  init() throws {
    folder = try RuntimeDirectory(base: NSTemporaryDirectory())
  }

  var path: String { folder.path }

  /// Makes a shell script and returns its path.
  func make(_ script: String, named name: String = "standin-\(UInt32.random(in: 0 ... .max))") throws -> String {
    let path = "\(folder.path)/\(name)"
    try ("#!/bin/sh\n" + script).write(toFile: path, atomically: true, encoding: .utf8)
    chmod(path, 0o755)
    return path
  }
}

/// A stored dump whose bytes nobody should need.
final class NoBytes: StoredDump {
  let size: UInt64

  init(size: Int = 0) {
    self.size = UInt64(size)
  }

  func read(_ range: Range<UInt64>) -> [UInt8] { [] }
}

/// What is said of the problem of something that fails; nothing if it does not.
func problem(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return (error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)"
  }
}
