import CSystem
import Glibc

/// A named thread that can be waited for.
public final class WorkerThread: Sendable {
  private let finished = Monitor(false)

  /// The work of a thread, with what it holds on to.
  private final class Work {
    private let name: String
    private let finished: Monitor<Bool>
    private var body: (() -> Void)?

    init(name: String, finished: Monitor<Bool>, _ body: sending @escaping () -> Void) {
      self.name = name
      self.finished = finished
      self.body = body
    }

    func perform() {
      // The kernel keeps the first 15 bytes.
      pthread_setname_np(pthread_self(), String(decoding: name.utf8.prefix(15), as: UTF8.self))
      body?()
      body = nil
      finished.update { $0 = true }
    }
  }

  private static let stackSize = 1 << 20

  /// Starts the thread at once.
  ///
  /// - Throws: `SystemError` when the system has no thread to give (`ulimit -u`, a container's limit); the body is
  ///   not called then.
  public convenience init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    try self.init(name: name, create: pthread_create, body)
  }

  /// - Parameters:
  ///   - create: `pthread_create`, or what stands for it in a test.
  ///   - body: With what it alone holds.
  init(
    name: String,
    create: (
      UnsafeMutablePointer<pthread_t>, UnsafePointer<pthread_attr_t>?,
      @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
    ) -> Int32,
    _ body: sending @escaping () -> Void
  ) throws(SystemError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, Self.stackSize)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let work = Unmanaged.passRetained(Work(name: name, finished: finished, body))
    var thread = pthread_t()
    let code = create(
      &thread, &attributes,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().perform() }
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      work.release()
      throw SystemError(call: "pthread_create", subject: "thread '\(name)'", code: code)
    }
  }

  /// Waits until the thread's work is done, and what only it held is freed.
  public func join() {
    finished.wait(until: { $0 }) { _ in }
  }

  /// Waits as `join()` does, but no longer than until `isOver` holds, which is looked at now and then.
  ///
  /// - Returns: Whether the thread's work is done.
  public func join(orUntil isOver: () -> Bool) -> Bool {
    finished.wait(until: { $0 }, orUntil: isOver) { _ in true } ?? false
  }
}
