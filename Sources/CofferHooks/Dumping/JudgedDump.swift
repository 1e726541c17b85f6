/// A dump whose end is judged once, by whoever asks first.
protocol JudgedDump: RunningDump {
  associatedtype Judgement

  /// Once the dump was found to be complete.
  var judgement: Judgement? { get set }

  /// Waits for what makes the dump, and makes sure that it is complete.
  ///
  /// - Throws: `DumpError`.
  func judge() throws -> Judgement

  func outcome(_ judgement: Judgement) -> DumpOutcome
}

extension JudgedDump {
  func end() throws { _ = try judged() }

  func finish() throws -> DumpOutcome { outcome(try judged()) }

  private func judged() throws -> Judgement {
    if let judgement { return judgement }
    let found = try judge()
    judgement = found
    return found
  }
}
