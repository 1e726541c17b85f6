import CofferSystem
import Synchronization

/// What a store has learned of how its server guards names that are taken.
final class PutGuard: Sendable {
  private struct Knowledge {
    var looksFirst: Bool
    var isConditional: Bool
    var knowsBucket = false
    var hasRefused = false
    /// What was put last.
    var puts: [Put] = []
  }

  /// An object that was put, and whose sum the server has told.
  private struct Put {
    let name: ObjectName
    let size: Int
    let beginning: [UInt8]
    let sum: String

    init(_ name: ObjectName, _ content: UnsafeRawBufferPointer, sum: String) {
      self.name = name
      size = content.count
      beginning = Array(content.prefix(Self.beginningSize))
      self.sum = sum
    }

    /// Headers of objects are shorter, and no two have the same.
    private static let beginningSize = 256

    func isOf(_ content: UnsafeRawBufferPointer) -> Bool {
      content.count == size && content.prefix(Self.beginningSize).elementsEqual(beginning)
    }
  }

  /// Puts that are kept: each is asked for soon, or never.
  private static let putLimit = 16

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

  /// Notes what sum the server has told of what was put.
  func note(_ sum: String, of name: ObjectName, _ content: UnsafeRawBufferPointer) {
    knowledge.withLock { knowledge in
      knowledge.puts.removeAll { $0.name == name }
      knowledge.puts = knowledge.puts.suffix(Self.putLimit - 1) + [Put(name, content, sum: sum)]
    }
  }

  /// - Returns: nil where the server has told none, it was long ago, or of other bytes.
  func sum(of name: ObjectName, _ content: UnsafeRawBufferPointer) -> String? {
    knowledge.withLock { $0.puts.last { $0.name == name && $0.isOf(content) }?.sum }
  }

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
