import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("A dump's bytes are written to a client program")
struct ClientInputTests {
  private let context: HookContext

  init() throws {
    context = try makeContext()
  }

  private func client(_ script: String, confirmation: String? = nil, patience: Double) throws -> ClientInput {
    try ClientInput(
      ChildCommand("sh", ["-c", script], environment: context.environment),
      of: DumpIdentity(hook: "ledger_databases", database: "main"), confirmation: confirmation, patience: patience,
      context: context)
  }

  private func write(_ count: Int, to client: ClientInput) throws {
    try [UInt8](repeating: 65, count: count).withUnsafeBytes { try client.write($0) }
  }

  @Test("One that neither reads on nor ends is ended, and the restore is no success", arguments: [nil, "done"])
  func deaf(confirmation: String?) throws {
    let client = try client("exec 0<&-; exec sleep 100", confirmation: confirmation, patience: 0.3)
    // What a pipe holds may be written before the program closes it.
    let error = #expect(throws: RestoreError.self) { for _ in 0..<100 { try write(1 << 16, to: client) } }
    if case .inputIgnored(_, program: "sh") = error {} else { Issue.record("\(String(describing: error))") }
    #expect(client.child.wait(seconds: 5, cancellation: nil) != nil)
  }

  @Test("One that ends well although bytes are left is content with less, unless it has to confirm")
  func early() throws {
    let content = try client("exit 0", patience: 30)
    for _ in 0..<10 { try write(1 << 16, to: content) }
    try content.finish()
    let strict = try client("exit 0", confirmation: "done", patience: 30)
    #expect(throws: RestoreError.self) { for _ in 0..<10 { try write(1 << 16, to: strict) } }
  }

  @Test("One that has to read all is no success with bytes left, be they as few as a pipe holds")
  func unread() throws {
    func client(_ script: String) throws -> ClientInput {
      try ClientInput(
        ChildCommand("sh", ["-c", script], environment: context.environment),
        of: DumpIdentity(hook: "ledger_databases", database: "main"), mustReadAll: true, context: context)
    }
    for script in ["exit 0", "head -c 1 >/dev/null", "sleep 0.2"] {
      let deaf = try client(script)
      #expect(throws: RestoreError.self, "\(script)") {
        try write(10, to: deaf)
        try deaf.finish()
      }
    }
    let whole = try client("cat >/dev/null")
    for _ in 0..<10 { try write(1 << 16, to: whole) }
    try whole.finish()
    try client("exit 0").finish()
  }

  @Test("One that fails is told with its words")
  func failing() throws {
    let client = try client("echo 'error: no room' >&2; exit 3", patience: 30)
    let error = #expect(throws: RestoreError.self) { for _ in 0..<10 { try write(1 << 16, to: client) } }
    #expect(error?.diagnosis.problem.contains("no room") == true)
  }

  @Test("What one has confirmed before it was stopped is done, and what it has not is not", arguments: [true, false])
  func stopped(isConfirmed: Bool) throws {
    let file = context.runtime.path + "/read"
    let client = try client(
      "cat >/dev/null; \(isConfirmed ? "echo done;" : "") : >\(file); exec sleep 1000", confirmation: "done",
      patience: 30)
    let cancellation = context.cancellation
    Thread.detachNewThread {
      while access(file, F_OK) != 0 { usleep(1000) }
      cancellation.cancel()
    }
    if isConfirmed {
      try client.finish()
    } else {
      #expect(throws: RunCancelled.self) { try client.finish() }
    }
  }
}
