import CofferStorage
import CofferSystem

/// The repositories of a receiver, of which some may be away when it starts: the others go on without them until they answer.
final class ReceivingRepositories: Sendable {
  private struct State {
    /// nil for those that are away.
    var opened: [OpenRepository?]
    var failure: (any Error)?
  }

  private typealias Away = (location: RepositoryLocation, error: StorageError)

  private let state: Monitor<State>
  private let context: ActionContext

  private static let longestPause: Double = 30

  /// Opens all that answer; where none does, all that do while stores try again by themselves.
  ///
  /// - Throws: What opening throws, where it cannot pass by itself or no repository answers.
  init(_ context: ActionContext) throws {
    self.context = context
    let count = context.repositories.count
    state = Monitor(State(opened: Array(repeating: nil, count: count)))
    // Stores try for longer by themselves, for which the others would wait.
    var away = try openAll(isPatient: count == 1)
    if count > 1, away.count == count { away = try openAll(isPatient: true) }
    if let first = away.first, away.count == count { throw first.error }
    for (location, error) in away {
      context.console.warning(
        "\(Console.text(Diagnosis(of: error)))\n\(location.path): The log cannot be stored there just now. The other "
          + "repositories go on, and the server is not told what they have. It is tried again, and what is missing comes from "
          + "the server then")
    }
  }

  private func openAll(isPatient: Bool) throws -> [Away] {
    try numbersAway.compactMap { number in
      try open(number, isPatient: isPatient).map { (context.repositories[number], $0) }
    }
  }

  /// - Parameter isPatient: Whether the store tries again by itself before the repository counts as away.
  /// - Returns: Why it is away; nil where it is open now.
  private func open(_ number: Int, isPatient: Bool) throws -> StorageError? {
    let location = context.repositories[number]
    do {
      if !isPatient { try context.look(at: location) }
      let access = try context.open(location)
      state.update { $0.opened[number] = access }
      return nil
    } catch let error as StorageError where error.kind == .transient {
      return error
    }
  }

  /// Those that are there.
  var opened: [OpenRepository] { state.update { $0.opened.compactMap(\.self) } }
  /// Those that are away.
  var away: [RepositoryLocation] { numbersAway.map { context.repositories[$0] } }

  private var numbersAway: [Int] { state.update { state in state.opened.indices.filter { state.opened[$0] == nil } } }

  /// - Throws: Why one that is away cannot be opened, although it answers.
  func check() throws {
    if let failure = state.update({ $0.failure }) { throw failure }
  }

  /// Opens those that are away when they answer, and cancels a round when one is there, or cannot be opened.
  ///
  /// - Parameter round: Ends the attempts when it is cancelled by somebody else.
  func open(andCancel round: Cancellation) {
    var pause: Double = 1
    while (try? round.sleep(pause)) != nil {
      for number in numbersAway {
        do {
          guard try open(number, isPatient: false) == nil else { continue }
          context.console.warning(
            "\(context.repositories[number].path): It answers again. The server sends what it lacks")
          round.cancel()
        } catch {
          state.update { $0.failure = error }
          round.cancel()
        }
      }
      pause = min(pause * 2, Self.longestPause)
    }
  }
}
