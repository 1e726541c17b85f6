import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

/// Connections that are cut at every place, answers that get lost, and servers that lie.
@Suite(
  "SFTP where the connection breaks or the server lies",
  .enabled(if: SFTPServers.isInstalled, "openssh-sftp-server is not installed"), .timeLimit(.minutes(5)))
struct SFTPFaultTests {
  private let scratch: ScratchFolder
  private var root: String { scratch.path }
  private let object = ObjectName(wellFormed: "packs/ab/x")
  private let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 13 ^ $0 >> 7) }

  init() throws {
    scratch = try ScratchFolder()
  }

  /// A store whose first connection is meddled with; those after it are not.
  private func store(
    ignoring ignored: Set<SFTPExtension> = [.sync],
    request: @escaping @Sendable (Int, Frame) -> MeddledChannel.Verdict = { _, _ in .pass },
    answer: @escaping @Sendable (Int, Frame) -> MeddledChannel.Verdict = { _, _ in .pass }
  ) -> SFTPStore {
    let connections = Mutex(0)
    return SFTPStore(
      location: "sftp://test", root: root,
      link: SFTPServers.link(ignoring: ignored) {
        let number = connections.withLock { connections in
          defer { connections += 1 }
          return connections
        }
        return number == 0 ? try MeddledChannel(request: request, answer: answer) : try MeddledChannel()
      }, warn: { _ in })
  }

  private func retrying(_ store: SFTPStore) -> RetryingStore {
    RetryingStore(store, RetryPolicy(retries: 3, firstWait: 0, longestWait: 0))
  }

  private func clear() throws {
    for path in try FileManager.default.contentsOfDirectory(atPath: root) {
      try FileManager.default.removeItem(atPath: root + "/" + path)
    }
  }

  private enum Side: CaseIterable {
    case request, answer
  }

  private static let naming: [Set<SFTPExtension>] = [[.sync], [], [.sync, .link], Set(SFTPExtension.allCases)]

  @Test(
    "A put whose connection is cut at any packet leaves nothing or all of it, and is done by another try",
    arguments: naming)
  private func cutPut(_ ignored: Set<SFTPExtension>) throws {
    for side in Side.allCases {
      var number = 0
      // Until a put is through before it comes to the packet.
      while true {
        let wasCut = Mutex(false)
        let cut: @Sendable (Int, Frame) -> MeddledChannel.Verdict = { [number] packet, _ in
          guard packet == number else { return .pass }
          wasCut.withLock { $0 = true }
          return .cut
        }
        let store =
          side == .request ? self.store(ignoring: ignored, request: cut) : self.store(ignoring: ignored, answer: cut)
        var failure: StorageError?
        do throws(StorageError) { try store.put(object, content) } catch { failure = error }
        if let failure {
          #expect(failure.kind == .transient, "\(side) \(number): \(failure)")
          // What another connection sees, when the server has done what it was still given.
          let there = SFTPServers.store(root)
          let listed = try there.list("").map(\.name)
          #expect(listed == [] || listed == [object], "\(side) \(number)")
          if !listed.isEmpty { #expect(try there.get(object, range: nil) == content, "\(side) \(number)") }
          #expect(try there.unfinishedPuts().allSatisfy { !$0.isAbandoned })
        }
        // The store goes on by itself with a new connection; what a reservation of the lost one holds, a person frees.
        let patient = retrying(store)
        let left = try patient.unfinishedPuts().filter { $0.path == object.path }
        for put in left { try FileManager.default.removeItem(atPath: root + "/" + put.path) }
        do throws(StorageError) { try patient.put(object, content) } catch { #expect(error.kind == .exists) }
        #expect(try patient.get(object, range: nil) == content, "\(side) \(number)")
        try clear()
        if !wasCut.withLock({ $0 }) { break }
        number += 1
      }
      #expect(number > 6)
    }
  }

  @Test("A name that was reserved on a connection which broke before the rename is taken up by another try")
  func lostReservation() throws {
    let isFirst = Atomic(true)
    let store = store(
      ignoring: [.sync, .link],
      request: { [object] _, frame in
        // The rename over the reservation names the object last.
        let isRename = frame.type == 200 && Data(frame.payload).range(of: Data(object.path.utf8)) != nil
        guard isRename, isFirst.exchange(false, ordering: .relaxed) else { return .pass }
        return .cut
      })
    try retrying(store).put(object, content)
    let wasCut = !isFirst.load(ordering: .relaxed)
    #expect(wasCut)
    #expect(try store.get(object, range: nil) == content)
    #expect(throws: StorageError.exists(object, location: store.location)) { try store.put(object, [1]) }
  }

  @Test("A put whose answers are lost is not done twice, and one try more finds it done")
  func lostAnswer() throws {
    // The link's answer: the first of an extended request behind the greeting's limits.
    let links = Mutex<Set<UInt32>>([])
    let store = store(
      ignoring: [.sync, .limits],
      request: { _, frame in
        if frame.type == 200 { links.withLock { _ = $0.insert(frame.id) } }
        return .pass
      },
      answer: { _, frame in links.withLock { $0.contains(frame.id) } ? .cut : .pass })
    try retrying(store).put(object, content)
    #expect(!links.withLock { $0.isEmpty })
    #expect(try store.list("").map(\.name) == [object])
    #expect(try store.get(object, range: nil) == content)
    // Other bytes of the same name are not taken for it.
    #expect(throws: StorageError.exists(object, location: store.location)) { try store.put(object, [1]) }
  }

  @Test(
    "A get, a list and a delete whose connection is cut at any packet are done by another try", arguments: Side.allCases
  )
  private func cutOthers(_ side: Side) throws {
    var number = 0
    while true {
      let wasCut = Mutex(false)
      let cut: @Sendable (Int, Frame) -> MeddledChannel.Verdict = { [number] packet, _ in
        guard packet == number else { return .pass }
        wasCut.withLock { $0 = true }
        return .cut
      }
      try SFTPServers.store(root).put(object, content)
      try SFTPServers.store(root).put(ObjectName(wellFormed: "keys/a"), [1])
      let store = retrying(side == .request ? self.store(request: cut) : self.store(answer: cut))
      #expect(try store.get(object, range: 70_000..<200_000) == Array(content[70_000...]))
      #expect(try store.list("").map(\.name.path) == ["keys/a", "packs/ab/x"])
      #expect(try store.status(of: object).size == content.count)
      try store.delete(object)
      #expect(try store.list("").map(\.name.path) == ["keys/a"])
      try clear()
      if !wasCut.withLock({ $0 }) { break }
      number += 1
    }
    #expect(number > 20)
  }

  // MARK: - Lies

  /// The payload of an answer that names things.
  private static func names(_ names: [String], mode: UInt32 = 0o100600) -> [UInt8] {
    var writer = SFTPWriter()
    writer.uint32(UInt32(names.count))
    for name in names {
      writer.string(name)
      writer.string("")
      writer.uint32(0xd)
      writer.uint64(1)
      writer.uint32(mode)
      writer.uint32(0)
      writer.uint32(0)
    }
    return writer.bytes
  }

  /// A store whose server answers requests of a type with this instead, whatever number of connections is made.
  private func lying(
    about type: UInt8, _ lie: @escaping @Sendable (Frame) -> [UInt8]
  ) -> SFTPStore {
    let root = root
    return SFTPStore(
      location: "sftp://test", root: root,
      link: SFTPServers.link(ignoring: [.sync]) {
        let asked = Mutex<Set<UInt32>>([])
        return try MeddledChannel(
          request: { _, frame in
            if frame.type == type { asked.withLock { _ = $0.insert(frame.id) } }
            return .pass
          },
          answer: { _, frame in
            asked.withLock { $0.contains(frame.id) } ? .change(lie(frame)) : .pass
          })
      }, warn: { _ in })
  }

  private func answer(_ type: UInt8, _ payload: [UInt8]) -> @Sendable (Frame) -> [UInt8] {
    { Frame(type, id: $0.id, payload).encoded() }
  }

  private func prepared() throws {
    try SFTPServers.store(root).put(object, content)
  }

  @Test("Data of another length than was asked for is never taken for an object's")
  func wrongLengths() throws {
    try prepared()
    func data(_ count: Int) -> [UInt8] {
      var writer = SFTPWriter()
      writer.string([UInt8](repeating: 7, count: count))
      return writer.bytes
    }
    for count in [0, 300_000] {
      let store = lying(about: 5, answer(103, data(count)))
      #expect(throws: StorageError.self, "\(count)") { try store.get(object, range: nil) }
    }
    // A string that claims more than the packet has.
    #expect(throws: StorageError.self) {
      try lying(about: 5, answer(103, [0xff, 0xff, 0xff, 0xff, 1])).get(object, range: nil)
    }
    // An end before the file's.
    let end = lying(about: 5, answer(101, [0, 0, 0, 1]))
    #expect(throws: StorageError.truncated(object, location: end.location)) { try end.get(object, range: nil) }
  }

  @Test("A server that gives a byte or a few at a time is read to the end")
  func shortReads() throws {
    try prepared()
    let store = lying(about: 5) { frame in
      guard frame.type == 103 else { return frame.encoded() }
      let kept = min(frame.payload.count - 4, 4999)
      var writer = SFTPWriter()
      writer.string(frame.payload[4..<4 + kept])
      return Frame(103, id: frame.id, writer.bytes).encoded()
    }
    #expect(try store.get(object, range: nil) == content)
    #expect(try store.get(object, range: 17..<150_001) == Array(content[17..<150_001]))
  }

  @Test("A size that nobody can have is not allocated")
  func hugeSize() throws {
    try prepared()
    var writer = SFTPWriter()
    writer.uint32(5)
    writer.uint64(.max >> 2)
    writer.uint32(0o100600)
    let store = lying(about: 7, answer(105, writer.bytes))
    #expect(throws: StorageError.truncated(object, location: store.location)) { try store.get(object, range: nil) }
    #expect(throws: StorageError.self) { try store.get(object, limit: 1 << 20) }
    writer = SFTPWriter()
    writer.uint32(5)
    writer.uint64(.max)
    writer.uint32(0o100600)
    let other = lying(about: 7, answer(105, writer.bytes))
    #expect(throws: StorageError.self) { try other.get(object, range: nil) }
  }

  @Test(
    "Answers of another kind, to other requests, or of no length that there is, end in an error",
    arguments: [UInt8(3), 5, 6, 7, 11, 12, 200])
  func nonsense(type: UInt8) throws {
    try prepared()
    let lies: [@Sendable (Frame) -> [UInt8]] = [
      answer(101, [0, 0, 0, 0]), answer(102, [0, 0, 0, 0]), answer(104, [0xff, 0xff, 0xff, 0xff]), answer(99, []),
      answer(103, [0, 0, 0]), { Frame($0.type, id: $0.id &+ 100_000, $0.payload).encoded() },
      { _ in [0xff, 0xff, 0xff, 0xff, 101, 0, 0, 0, 0] }, { _ in [0, 0, 0, 1, 101] },
      { _ in Array("Welcome to the server, this is the message of the day\n".utf8) },
    ]
    for (number, lie) in lies.enumerated() {
      let store = lying(about: type, lie)
      do throws(StorageError) {
        try store.put(ObjectName(wellFormed: "packs/ab/y"), content)
        let got = try store.get(object, range: nil)
        #expect(got == content)
        _ = try store.list("")
      } catch {
        #expect(error.kind == .transient || error.kind == .permanent || error.kind == .missing, "\(number) \(error)")
      }
      // Whatever it says, no part of an object has come to be.
      let there = SFTPServers.store(root)
      for status in try there.list("packs") { #expect(status.size == content.count, "\(type) \(number) \(status)") }
      try there.delete(ObjectName(wellFormed: "packs/ab/y"))
    }
  }

  @Test("Names with slashes, of folders that have no end, and the same one twice, lead nowhere")
  func names() throws {
    try prepared()
    #expect(throws: StorageError.self) { try lying(about: 12, answer(104, Self.names(["../x"]))).list("") }
    #expect(throws: StorageError.self) { try lying(about: 12, answer(104, Self.names(["a/b"]))).list("") }
    // Answers without names, and never an end.
    #expect(throws: StorageError.self) { try lying(about: 12, answer(104, Self.names([]))).list("") }
    let asked = Mutex(0)
    let twice = lying(about: 12) { frame in
      let number = asked.withLock { asked in
        defer { asked += 1 }
        return asked
      }
      return number == 0
        ? Frame(104, id: frame.id, Self.names(["b", "a", "b", ".", "..", "A"])).encoded() : frame.encoded()
    }
    #expect(try twice.list("keys").isEmpty)
    let listed = try twice.list("packs/ab").map(\.name.path)
    #expect(listed == ["packs/ab/a", "packs/ab/b"] || listed == ["packs/ab/x"])
  }

  @Test(
    "A call that waits for a server which says nothing stops when it is cancelled, and a stall is an error by itself")
  func stalled() throws {
    try prepared()
    let cancellation = try Cancellation()
    let silent: @Sendable (Int, Frame) -> MeddledChannel.Verdict = { _, frame in
      guard frame.type == 103 else { return .pass }
      cancellation.cancel()
      return .change([])
    }
    let store = store(answer: silent)
    #expect(throws: StorageError.cancelled(location: store.location)) {
      try store.get(object, range: nil, cancellation: cancellation)
    }
    let dead = SFTPStore(
      location: "sftp://test", root: root,
      link: SFTPServers.link(ignoring: [.sync], stall: 0.3) {
        try MeddledChannel(answer: { _, frame in frame.type == 103 ? .change([]) : .pass })
      }, warn: { _ in })
    let error = #expect(throws: StorageError.self) { try dead.get(object, range: nil) }
    #expect(error?.kind == .transient)
  }
}
