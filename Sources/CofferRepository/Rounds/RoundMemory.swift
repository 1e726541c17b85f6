import Synchronization

/// The objects of rounds that somebody has read who looks several times, as a writer does: what stands under a name that counts
/// stays what it is until it counts no more.
final class RoundMemory: Sendable {
  private let objects = Mutex<[RoundName: any RoundObject]>([:])

  subscript<Object: RoundObject>(_ name: RoundName, _ type: Object.Type) -> Object? {
    objects.withLock { $0[name] as? Object }
  }

  func keep(_ object: some RoundObject, _ name: RoundName) {
    objects.withLock { $0[name] = object }
  }
}
