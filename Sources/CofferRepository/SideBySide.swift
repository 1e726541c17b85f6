import CofferSystem
import Synchronization

/// Asks a store for several things that do not depend on each other: at the same time if it is far away, where the way
/// takes longer than the work, and else one after the other.
package struct SideBySide: Sendable {
  /// How many are asked for at the same time; 1 needs no thread.
  let width: Int

  package init(width: Int) {
    self.width = width
  }

  /// Calls `body` for each element.
  ///
  /// - Returns: What it returned, in the order of the elements.
  /// - Throws: The first failure, when every call that was begun has ended; `SystemError` when no thread can be had.
  func map<Element: Sendable, Result: Sendable>(
    _ elements: [Element], _ body: @escaping @Sendable (Element) throws -> Result
  ) throws -> [Result] {
    guard width > 1, elements.count > 1 else { return try elements.map(body) }
    let results = Results<Result>()
    let stage = try Stage<Int>(
      "ask", workers: min(width, elements.count), capacity: width,
      makeWork: { { number in results.set(number, try body(elements[number])) } })
    // What is thrown here `finish` throws, too, when all threads have ended.
    do { for number in elements.indices { try stage.give(number) } } catch {}
    try stage.finish()
    return try results.all(elements.count)
  }

  /// Makes two calls, one after the other where there is no thread to be had.
  ///
  /// - Throws: The failure of the first, or else of the second, when both have ended.
  package func both<First, Second: Sendable>(
    _ first: () throws -> First, _ second: @escaping @Sendable () throws -> Second
  ) throws -> (First, Second) {
    guard width > 1 else { return (try first(), try second()) }
    let results = Monitor<Result<Second, any Error>?>(nil)
    let thread = try? WorkerThread(name: "ask") {
      let result = Result { try second() }
      results.update { $0 = result }
    }
    guard let thread else { return (try first(), try second()) }
    let own = Result { try first() }
    thread.join()
    let other = results.update { $0 }
    return (try own.get(), try (other ?? .failure(RunCancelled())).get())
  }
}

/// What several threads found, by the numbers of what they were asked.
private final class Results<Value: Sendable>: Sendable {
  private let values = Mutex<[Int: Value]>([:])

  func set(_ number: Int, _ value: Value) { values.withLock { $0[number] = value } }

  /// - Throws: `RunCancelled` when one is missing: its stage was ended.
  func all(_ count: Int) throws -> [Value] {
    try values.withLock { values in
      try (0..<count).map { number in
        guard let value = values[number] else { throw RunCancelled() }
        return value
      }
    }
  }
}
