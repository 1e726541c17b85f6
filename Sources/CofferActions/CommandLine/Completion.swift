import CofferConfiguration
import CofferSystem

/// What may be written next on a command line that is not finished, for shells that complete it.
struct Completion {
  struct Candidate: Equatable {
    let text: String
    let help: String
  }

  private let actions: [ActionDeclaration]
  private let options: OptionCatalogue

  init(actions: [ActionDeclaration], options: OptionCatalogue) {
    self.actions = actions
    self.options = options
  }

  /// - Parameter words: Those behind the program's name, up to the one that is being written, which may be empty.
  /// - Returns: What may stand in that one's place; nothing where a value is due that is not known, a file for example.
  func candidates(for words: [String]) -> [Candidate] {
    let current = words.last ?? ""
    guard let before = understood(Array(words.dropLast())) else { return [] }
    let found = current.begins(with: "-") ? flags(before) : names(before)
    return found.filter { $0.text.begins(with: current) }
  }

  /// One line a candidate: the text, a tab, and what it is.
  func lines(for words: [String]) -> String {
    candidates(for: words).map { "\($0.text)\t\($0.help.lines().first ?? "")\n" }.joined()
  }

  // MARK: - What stands there

  private struct Context {
    var named: [ActionDeclaration] = []
    var given: [FlagDeclaration] = []
    /// The first word of an action of two, when the second is due.
    var group: String?
    /// How many operands of the last action are due.
    var operands = 0
  }

  /// - Returns: nil when a value is due.
  private func understood(_ words: [String]) -> Context? {
    var context = Context()
    var position = 0
    while position < words.count {
      let word = words[position]
      position += 1
      if word.begins(with: "-") {
        guard let flag = allFlags.first(where: { $0.names.contains(word) }) else {
          if OptionFlag(word, in: options)?.takesValue == true {
            guard position < words.count else { return nil }
            position += 1
          }
          continue
        }
        context.given.append(flag)
        guard flag.valueName != nil else { continue }
        guard position < words.count else { return nil }
        position += 1
      } else if context.operands > 0 {
        context.operands -= 1
      } else if let action = action(word) {
        add(action, to: &context)
      } else if position < words.count, let action = action("\(word) \(words[position])") {
        add(action, to: &context)
        position += 1
      } else if position == words.count, actions.contains(where: { $0.family.isSame(as: word) }) {
        context.group = word
      }
    }
    return context.operands > 0 ? nil : context
  }

  private func add(_ action: ActionDeclaration, to context: inout Context) {
    context.named.append(action)
    context.operands = action.operands.count
  }

  private func action(_ name: String) -> ActionDeclaration? { actions.first { $0.names.contains(name) } }

  private var allFlags: [FlagDeclaration] { GlobalFlags.all + actions.flatMap(\.flags) }

  // MARK: - What may follow

  private func names(_ context: Context) -> [Candidate] {
    if let group = context.group {
      return actions.compactMap { action in
        action.name.after(beginning: group + " ").map { Candidate(text: $0, help: action.abstract) }
      }
    }
    var seen: Set<ExactName> = []
    return actions.compactMap { action in
      guard !context.named.contains(where: { $0.name.isSame(as: action.name) }) else { return nil }
      guard seen.insert(ExactName(action.family)).inserted else { return nil }
      return Candidate(text: action.family, help: action.name.isSame(as: action.family) ? action.abstract : "")
    }
  }

  /// The flags of the actions that are named, or of those that run when none is; behind them the options that they read.
  private func flags(_ context: Context) -> [Candidate] {
    let standard = actions.filter { CommandTable.standard.contains($0.name) }
    let named = context.named.isEmpty ? standard : context.named
    let free = (named.flatMap(\.flags) + GlobalFlags.all).filter { flag in
      flag.isRepeatable || !context.given.contains { $0.name.isSame(as: flag.name) }
    }
    let own = free.flatMap { flag in
      flag.names.filter { $0.begins(with: "--") }.map { Candidate(text: $0, help: flag.help) }
    }
    let read = InnerOptions.flattened(named.filter(\.needsConfiguration).flatMap(\.readOptions))
    let ofOptions = read.map {
      Candidate(text: "--" + $0.name.swapping("_", for: "-"), help: $0.option.summary ?? "")
    }
    var seen: Set<ExactName> = []
    return (own + ofOptions).filter { seen.insert(ExactName($0.text)).inserted }
  }
}
