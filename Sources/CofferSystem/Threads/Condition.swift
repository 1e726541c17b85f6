import CSystem
import Glibc

/// A mutex of the C library and a condition variable with it.
final class Condition: @unchecked Sendable {
  // Sound because what is behind the pointers is only the C library's.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let variable: UnsafeMutablePointer<pthread_cond_t>

  init() {
    mutex = .allocate(capacity: 1)
    variable = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(variable, nil)
  }

  deinit {
    pthread_cond_destroy(variable)
    pthread_mutex_destroy(mutex)
    variable.deallocate()
    mutex.deallocate()
  }

  func lock() { pthread_mutex_lock(mutex) }

  func unlock() { pthread_mutex_unlock(mutex) }

  func broadcast() { pthread_cond_broadcast(variable) }

  /// Lets go of the lock until somebody broadcasts; now and then it comes back without that.
  func wait() { pthread_cond_wait(variable, mutex) }

  /// The same, but no longer than so many nanoseconds, less than a second, by a clock that nobody sets.
  func wait(nanoseconds: Int) {
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &end)
    end.tv_nsec += nanoseconds
    if end.tv_nsec >= 1_000_000_000 {
      end.tv_nsec -= 1_000_000_000
      end.tv_sec += 1
    }
    coffer_wait_until(variable, mutex, &end)
  }
}
