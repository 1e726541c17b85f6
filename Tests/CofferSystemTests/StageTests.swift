import Foundation
import Synchronization
import Testing

@testable import CofferSystem

@Suite("Stages of threads")
struct StageTests {
  private struct Broken: Error, Equatable {
    let number: Int
  }

  /// What a stage did, for any thread to add to.
  private final class Record: Sendable {
    private let numbers = Monitor<[Int]>([])

    var all: [Int] { numbers.update { $0 } }

    func add(_ number: Int) { numbers.update { $0.append(number) } }

    func wait(for count: Int) { numbers.wait(until: { $0.count >= count }) { _ in } }
  }

  /// Holds threads up until it is opened.
  private final class Gate: Sendable {
    private let isOpen = Monitor(false)

    func pass() { isOpen.wait(until: { $0 }) { _ in } }

    func open() { isOpen.update { $0 = true } }
  }

  @Test("One thread works on everything in order, and the end waits for it")
  func order() throws {
    let record = Record()
    let stage = try Stage<Int>("test", capacity: 2) { record.add($0) }
    for number in 0..<1000 { try stage.give(number) }
    try stage.finish()
    #expect(record.all == Array(0..<1000))
  }

  @Test("Several threads work on everything, each with what it has made for itself")
  func workers() throws {
    let (record, made) = (Record(), Record())
    let stage = try Stage<Int>(
      "test", workers: 3, capacity: 4,
      makeWork: {
        made.add(1)
        return { record.add($0) }
      })
    for number in 0..<1000 { try stage.give(number) }
    try stage.finish()
    #expect(record.all.sorted() == Array(0..<1000))
    #expect(made.all == [1, 1, 1])
  }

  @Test("What is given waits while the queue is full")
  func bound() throws {
    let (gate, record, given) = (Gate(), Record(), Record())
    let stage = try Stage<Int>("test", capacity: 2) {
      record.add($0)
      gate.pass()
    }
    let giver = try WorkerThread(name: "giver") {
      for number in 0..<4 {
        try? stage.give(number)
        given.add(number)
      }
    }
    given.wait(for: 3)
    record.wait(for: 1)
    usleep(50_000)
    // One is worked on and two wait: the fourth has no room.
    #expect(given.all == [0, 1, 2])
    gate.open()
    giver.join()
    try stage.finish()
    #expect(record.all == [0, 1, 2, 3])
  }

  @Test("The first failure refuses what comes, drops what waits, and is thrown to whoever gives or finishes")
  func failure() throws {
    let (gate, record, dropped) = (Gate(), Record(), Record())
    let stage = try Stage<Int>(
      "test", capacity: 3,
      drop: { number, reason in
        #expect(reason as? Broken == Broken(number: 1))
        dropped.add(number)
      },
      work: { number in
        gate.pass()
        if number == 1 { throw Broken(number: number) }
        record.add(number)
      })
    for number in 0..<4 { try stage.give(number) }
    gate.open()
    stage.join()
    #expect(throws: Broken(number: 1)) { try stage.give(9) }
    stage.cancel()
    #expect(throws: Broken(number: 1)) { try stage.finish() }
    #expect(record.all == [0])
    #expect(dropped.all == [2, 3])
  }

  @Test("A giver that waits for room is told of the failure")
  func failureWhileWaiting() throws {
    let gate = Gate()
    let stage = try Stage<Int>("test", capacity: 1) { number in
      gate.pass()
      throw Broken(number: number)
    }
    let outcome = Monitor<Result<Void, any Error>?>(nil)
    let giver = try WorkerThread(name: "giver") {
      let result = Result { for number in 0..<5 { try stage.give(number) } }
      outcome.update { $0 = result }
    }
    usleep(20_000)
    gate.open()
    giver.join()
    #expect(throws: Broken(number: 0)) { try outcome.update { $0 }?.get() }
  }

  @Test("A thread that cannot make what it works with fails the stage")
  func failedStart() throws {
    let stage = try Stage<Int>(
      "test", workers: 2, capacity: 1, makeWork: { () throws -> (Int) throws -> Void in throw Broken(number: 7) })
    stage.join()
    #expect(throws: Broken(number: 7)) { try stage.give(1) }
    #expect(throws: Broken(number: 7)) { try stage.finish() }
  }

  @Test("A stage that is cancelled drops what waits and ends when its work does")
  func cancelling() throws {
    let (gate, record, dropped) = (Gate(), Record(), Record())
    let stage = try Stage<Int>(
      "test", capacity: 3, drop: { number, _ in dropped.add(number) },
      work: { number in
        record.add(number)
        gate.pass()
      })
    for number in 0..<3 { try stage.give(number) }
    record.wait(for: 1)
    stage.cancel()
    #expect(dropped.all == [1, 2])
    #expect(throws: RunCancelled()) { try stage.give(3) }
    gate.open()
    stage.join()
    #expect(throws: RunCancelled()) { try stage.finish() }
    #expect(record.all == [0])
  }

  @Test("A thread that the system refuses is an error, and the threads before it end")
  func refusal() throws {
    let refusal = SystemError(call: "pthread_create", subject: "thread 'test-3'", code: EAGAIN)
    let started = Mutex<[WorkerThread]>([])
    #expect(throws: refusal) {
      _ = try Stage<Int>(
        "test", workers: 4, capacity: 1, drop: { _, _ in }, makeWork: { { _ in } },
        start: { name, body throws(SystemError) in
          if name == "test-3" { throw refusal }
          let thread = try WorkerThread(name: name, body)
          started.withLock { $0.append(thread) }
          return thread
        })
    }
    let threads = started.withLock { $0 }
    #expect(threads.count == 2)
    for thread in threads { thread.join() }
  }

  @Test("A stage that is forgotten works on what it was given, and its thread ends")
  func forgotten() throws {
    final class Held: Sendable {}
    let record = Record()
    weak var watched: Held?
    do {
      let held = Held()
      watched = held
      let stage = try Stage<Int>("test", capacity: 5) { number in
        _ = held
        record.add(number)
      }
      for number in 0..<5 { try stage.give(number) }
    }
    record.wait(for: 5)
    for _ in 0..<100 where watched != nil { usleep(10_000) }
    #expect(record.all == [0, 1, 2, 3, 4])
    #expect(watched == nil)
  }
}
