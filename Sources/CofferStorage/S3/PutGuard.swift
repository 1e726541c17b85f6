import Synchronization

/// What a store has learned of how its server guards names that are taken.
final class PutGuard: Sendable {
  private struct Knowledge {
    var looksFirst: Bool
    var isConditional: Bool
    var knowsBucket = false
    var hasRefused = false
  }

  private let knowledge: Mutex<Knowledge>

  init(looksFirst: Bool) {
    knowledge = Mutex(Knowledge(looksFirst: looksFirst, isConditional: !looksFirst))
  }

  /// Whether a name is looked for before it is put.
  var looksFirst: Bool { knowledge.withLock { $0.looksFirst } }

  /// Whether the server is asked to refuse a put of a name that is taken.
  var isConditional: Bool { knowledge.withLock { $0.isConditional } }

  /// Whether an answer has shown that the bucket is there.
  var knowsBucket: Bool { knowledge.withLock { $0.knowsBucket } }

  /// Whether the server was seen to refuse a put of a name that is taken.
  var hasRefused: Bool { knowledge.withLock { $0.hasRefused } }

  func noteRefusal() { knowledge.withLock { $0.hasRefused = true } }

  func noteBucket() { knowledge.withLock { $0.knowsBucket = true } }

  /// Notes that the server overwrites although it is asked not to.
  func distrust() { knowledge.withLock { $0.looksFirst = true } }

  /// Notes that the server takes no puts with a condition.
  func forbidCondition() {
    knowledge.withLock { knowledge in
      knowledge.looksFirst = true
      knowledge.isConditional = false
    }
  }
}
