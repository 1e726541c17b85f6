/// A program that takes a dump and commits it when it has taken all.
protocol RestoreClient: AnyObject {
  func write(_ bytes: UnsafeRawBufferPointer) throws

  /// Ends the input, and waits for the program to commit.
  ///
  /// - Throws: `RestoreError`; `RunCancelled`. Nothing is committed then.
  func finish() throws

  /// Gives up; nothing is committed.
  func abandon()
}

extension ClientInput: RestoreClient {}
extension ScriptClient: RestoreClient {}

/// What takes back the preparations of a restore, the last one first.
struct UndoSteps {
  private var steps: [() -> Void] = []

  mutating func add(_ step: @escaping () -> Void) {
    steps.append(step)
  }

  mutating func run() {
    for step in steps.reversed() { step() }
    steps = []
  }
}

/// A restore of one database on its way.
final class PostgreSQLRunningRestore: RunningRestore {
  private let client: any RestoreClient
  private let complete: () -> [String]
  private var undo: UndoSteps

  /// - Parameter complete: What is done once the content is committed; gives warnings.
  init(_ client: any RestoreClient, complete: @escaping () -> [String], undo: UndoSteps) {
    self.client = client
    self.complete = complete
    self.undo = undo
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try client.write(bytes)
  }

  func finish() throws -> [String] {
    do {
      try client.finish()
    } catch {
      abandon()
      throw error
    }
    return complete()
  }

  func abandon() {
    client.abandon()
    undo.run()
  }
}

/// psql for a plain dump into a database that holds nothing yet.
final class PlainScriptClient: RestoreClient {
  private let client: ScriptClient
  private var script = PlainScript()

  init(_ client: ScriptClient) {
    self.client = client
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try script.feed(bytes) { try client.write($0) }
  }

  func finish() throws {
    try script.finish { try client.write($0) }
    try client.finish()
  }

  func abandon() {
    client.abandon()
  }
}
