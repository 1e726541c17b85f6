import Glibc

/// A bounded queue and the threads that work on what is given to it: one step of what many threads do together.
///
/// The first failure, of the work or by `cancel`, ends the stage: what is given after it is refused, what waits is dropped,
/// and both `give` and `finish` throw it. Whoever forgets a stage ends it: its threads work on what they were given, and end.
public final class Stage<Element: Sendable>: Sendable {
  public typealias Work = (Element) throws -> Void
  /// Takes what was given and will not be worked on, and why.
  public typealias Drop = @Sendable (Element, any Error) -> Void

  private let queue: BoundedQueue<Element>
  private let threads: [WorkerThread]
  private let drop: Drop

  /// Starts a stage of one thread, which works on the elements in the order they are given in.
  ///
  /// - Parameters:
  ///   - name: Of the thread, for debuggers.
  ///   - capacity: Elements that may wait.
  /// - Throws: `SystemError` when the thread cannot be had.
  public init(
    _ name: String, capacity: Int, drop: @escaping Drop = { _, _ in }, work: sending @escaping Work
  ) throws(SystemError) {
    let queue = BoundedQueue<Element>(capacity: capacity)
    threads = [try WorkerThread(name: name, create: pthread_create) { Self.serve(queue, drop) { work } }]
    self.queue = queue
    self.drop = drop
  }

  /// Starts a stage of several threads.
  ///
  /// - Parameters:
  ///   - makeWork: Called once on each thread, for what that thread alone uses; its failure is the stage's.
  /// - Throws: `SystemError` when not all threads can be had; those that were started have ended then.
  public convenience init(
    _ name: String, workers: Int, capacity: Int, drop: @escaping Drop = { _, _ in },
    makeWork: @escaping @Sendable () throws -> Work
  ) throws(SystemError) {
    try self.init(
      name, workers: workers, capacity: capacity, drop: drop, makeWork: makeWork,
      start: { name, body throws(SystemError) in try WorkerThread(name: name, body) })
  }

  /// - Parameter start: Starts a thread, or stands for it in a test.
  init(
    _ name: String, workers: Int, capacity: Int, drop: @escaping Drop, makeWork: @escaping @Sendable () throws -> Work,
    start: (String, @escaping @Sendable () -> Void) throws(SystemError) -> WorkerThread
  ) throws(SystemError) {
    let queue = BoundedQueue<Element>(capacity: capacity)
    var threads: [WorkerThread] = []
    do throws(SystemError) {
      for number in 1...max(workers, 1) {
        threads.append(try start("\(name)-\(number)") { Self.serve(queue, drop, makeWork) })
      }
    } catch {
      queue.close()
      for thread in threads { thread.join() }
      throw error
    }
    self.queue = queue
    self.threads = threads
    self.drop = drop
  }

  deinit {
    queue.close()
  }

  private static func serve(_ queue: BoundedQueue<Element>, _ drop: Drop, _ makeWork: () throws -> Work) {
    do {
      let work = try makeWork()
      while let element = queue.pop() { try work(element) }
    } catch {
      for element in queue.abandon(error) { drop(element, error) }
    }
  }

  /// The stage's first failure; nil while it works.
  public var failure: (any Error)? { queue.failure }

  /// Hands an element over; waits while the queue is full.
  ///
  /// - Throws: The stage's first failure; the element was not taken then.
  public func give(_ element: Element) throws {
    guard queue.push(element) else { throw queue.failure ?? RunCancelled() }
  }

  /// Ends the input and waits until everything that was given is worked on.
  ///
  /// - Throws: The stage's first failure.
  public func finish() throws {
    queue.close()
    join()
    if let failure = queue.failure { throw failure }
  }

  /// Refuses what is given from now on and drops what waits, for this reason. What is being worked on is not waited for.
  public func cancel(_ reason: any Error = RunCancelled()) {
    for element in queue.abandon(reason) { drop(element, reason) }
  }

  /// Waits until the threads have ended: after `cancel`, or in a failure of the stage.
  public func join() {
    for thread in threads { thread.join() }
  }
}
