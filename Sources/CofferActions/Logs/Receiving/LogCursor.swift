import CofferRepository
import CofferSystem

/// Where the log of a server goes on in one repository, slice by slice.
struct LogCursor<Reach: Sendable & Equatable>: Sendable, Equatable {
  private(set) var history: UInt32
  /// Of the slice that comes next.
  private(set) var number: UInt64
  /// What is stored of the history; nil where it begins.
  private(set) var reach: Reach?
  /// Whether something of the server's log is stored that nothing leads on from.
  private(set) var isBehindGap = false
  /// The last history that somebody has begun: slices of two keys in one could not be told apart by their numbers.
  private let taken: UInt32

  private static var firstNumber: UInt64 { BinaryLogSlice.firstNumber }

  /// - Parameters:
  ///   - own: What the key in use has put of the server's log.
  ///   - taken: The last history of which any key has put something.
  ///   - reach: How far it is stored; nil where that cannot be read.
  init(_ own: [LogStream], taken: UInt32, reach: (LogStream) -> Reach?) {
    let last = own.max { $0.history < $1.history }
    self.taken = taken
    (history, number) = (last?.history ?? max(taken, taken &+ 1), Self.firstNumber)
    guard let last else { return }
    if let reach = reach(last), let next = last.stretches.last?.last.next {
      (number, self.reach) = (next.number, reach)
    } else {
      // What cannot be read leads nowhere.
      leaveGap()
    }
  }

  /// Begins the next history.
  mutating func leaveGap() {
    let last = max(history, taken)
    history = max(last, last &+ 1)
    (number, reach, isBehindGap) = (Self.firstNumber, nil, true)
  }

  /// Takes in that the next slice is stored.
  mutating func advance(to reach: Reach) {
    number = number.addingClamped(1)
    self.reach = reach
  }
}
