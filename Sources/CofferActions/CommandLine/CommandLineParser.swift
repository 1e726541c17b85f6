import CofferConfiguration
import CofferSystem

/// A command line, understood.
struct ParsedCommandLine: Sendable {
  struct Invocation: Sendable {
    let action: ActionDeclaration
    let flags: FlagValues
  }

  let globals: FlagValues
  /// In the order they were written.
  let invocations: [Invocation]
  /// What the command line says about options: flags called like them, then `--override`.
  let changes: [OptionChange]
  /// Whether no action was named and these are the ones that run then.
  let isStandard: Bool
  /// Whether only the first word of the actions was named, to be told about them.
  var isGroup = false
  /// All actions that could have been named.
  let knownActions: [ActionDeclaration]
  /// All options that could have been given.
  let knownOptions: OptionCatalogue
}

extension ParsedCommandLine {
  /// All flags that could have been given.
  var knownFlags: [FlagDeclaration] { GlobalFlags.all + knownActions.flatMap(\.flags) }

  /// How configuration files are to be read.
  var reading: ConfigurationReading {
    if globals.contains(GlobalFlags.noInterpolation) { return ConfigurationReading(variables: .kept, changes: changes) }
    // To look at a file, the secrets that it takes from the environment need not be there.
    let looksOnly = invocations.allSatisfy { $0.action.repositories == .none }
    return ConfigurationReading(
      variables: looksOnly ? .replacedIfSet : .replaced, changes: changes, unused: unused, isUnusedEntry: isUnusedEntry)
  }

  /// Entries of databases that are not backed up, where what is backed up is read and nothing else of them.
  private var isUnusedEntry: @Sendable (String, ConfigurationSection) -> Bool {
    let actions = invocations.map(\.action)
    return { option, entry in
      let readers = actions.filter { $0.options.contains { $0.options.contains { $0.name.isSame(as: option) } } }
      return !readers.isEmpty && readers.allSatisfy { $0.passesOver(entry, of: option) }
    }
  }

  /// Options that none of the actions reads, or that a restore reads only for the databases it is asked for.
  private var unused: Set<String> {
    let seldomRead = knownOptions.options(of: .databases) + knownOptions.options(of: .services)
    let read = invocations.flatMap(\.action.options).flatMap(\.options).map(\.name)
    return Set(seldomRead.map(\.name)).subtracting(read)
  }
}

/// A command line that makes no sense.
public struct UsageError: DiagnosableError, Equatable {
  let argument: String
  let problem: String
  let suggestion: String?

  public var diagnosis: Diagnosis {
    Diagnosis(subject: argument, problem: problem, suggestion: suggestion ?? "See 'coffer --help'")
  }
}

/// Reads command lines by the declarations of the flags. Flags may stand before and after actions; a flag that
/// several of the named actions take reaches each of them. What no action takes may be an option of the configuration. An
/// action's operands stand right behind it, or behind '--' whatever they begin with.
struct CommandLineParser {
  private let actions: [ActionDeclaration]
  private let options: OptionCatalogue

  init(actions: [ActionDeclaration], options: OptionCatalogue = .standard) {
    self.actions = actions
    self.options = options
  }

  private enum Token {
    case action(ActionDeclaration)
    case flag(String, value: String?)
  }

  /// Whoever asks for help gets it, whatever else is wrong.
  func parse(_ arguments: [String]) throws(UsageError) -> ParsedCommandLine {
    let arguments = Self.askingForHelp(arguments)
    do throws(UsageError) {
      return try understood(arguments)
    } catch {
      let ours = arguments.prefix { !$0.isSame(as: "--") }
      guard ours.contains(where: { GlobalFlags.help.declaration.names.contains($0) }) else { throw error }
      return try help(for: ours.filter { !$0.begins(with: "-") })
    }
  }

  /// What asks for the help of the actions that words name, or else of those that begin like one of them.
  private func help(for words: [String]) throws(UsageError) -> ParsedCommandLine {
    let pairs = zip(words, words.dropFirst()).map { "\($0) \($1)" }
    var found = actions.filter { action in (words + pairs).contains { action.names.contains($0) } }
    var isGroup = false
    if found.isEmpty, let word = words.first {
      found = actions.filter { $0.name.begins(with: "\(word) ") }
      isGroup = !found.isEmpty
    }
    var globals = FlagValues()
    try globals.add(GlobalFlags.help.declaration, nil)
    return ParsedCommandLine(
      globals: globals,
      invocations: found.map { ParsedCommandLine.Invocation(action: $0, flags: FlagValues()) }, changes: [],
      isStandard: found.isEmpty, isGroup: isGroup, knownActions: actions, knownOptions: options)
  }

  private func understood(_ arguments: [String]) throws(UsageError) -> ParsedCommandLine {
    let tokens = try tokens(arguments)
    var named: [ActionDeclaration] = []
    for case .action(let action) in tokens where !named.contains(where: { $0.name == action.name }) {
      named.append(action)
    }
    var globals = FlagValues()
    var changes: [OptionChange] = []
    var values = [FlagValues](repeating: FlagValues(), count: named.count)
    let isStandard = named.isEmpty
    if isStandard {
      named = actions.filter { CommandTable.standard.contains($0.name) }
      values = [FlagValues](repeating: FlagValues(), count: named.count)
    }
    for case .flag(let name, let value) in tokens {
      var isTaken = false
      if let flag = GlobalFlags.all.first(where: { $0.names.contains(name) }) {
        try globals.add(flag, try checked(flag, value))
        isTaken = true
      }
      for (position, action) in named.enumerated() {
        guard let flag = action.flags.first(where: { $0.names.contains(name) }) else { continue }
        guard flag.isRepeatable || !values[position].contains(flag) else {
          throw UsageError(argument: name, problem: "The flag is given twice", suggestion: "Give it once")
        }
        try values[position].add(flag, try checked(flag, value))
        isTaken = true
      }
      if !isTaken, let option = OptionFlag(name, in: options) {
        changes.append(try Self.change { () throws(ConfigurationProblem) in try option.change(to: value) })
        isTaken = true
      }
      guard isTaken else { throw unknownFlag(name, named: isStandard ? [] : named) }
    }
    for text in globals[GlobalFlags.override] {
      changes.append(
        try Self.change { () throws(ConfigurationProblem) in try OptionChange(override: text, in: options) })
    }
    if !globals.contains(GlobalFlags.help) { try checkRequired(named, values) }
    return ParsedCommandLine(
      globals: globals,
      invocations: zip(named, values).map { ParsedCommandLine.Invocation(action: $0, flags: $1) }, changes: changes,
      isStandard: isStandard, knownActions: actions, knownOptions: options)
  }

  private static func change(
    _ reading: () throws(ConfigurationProblem) -> OptionChange
  ) throws(UsageError) -> OptionChange {
    do throws(ConfigurationProblem) {
      return try reading()
    } catch {
      throw UsageError(argument: error.mark.description, problem: error.message, suggestion: error.suggestion)
    }
  }

  /// 'help ACTION' is 'ACTION --help'.
  private static func askingForHelp(_ arguments: [String]) -> [String] {
    guard let first = arguments.first, first.isSame(as: "help") else { return arguments }
    return Array(arguments.dropFirst()) + [GlobalFlags.help.name]
  }

  /// Parts a value from the letter before it: '-v2' is '-v 2'.
  private func parted(_ argument: String) -> [String] {
    guard argument.begins(with: "-"), !argument.begins(with: "--"), argument.utf8.count > 2,
      argument.utf8.prefix(3).allSatisfy({ $0 < 0x80 }), !allFlags.contains(where: { $0.names.contains(argument) })
    else { return [argument] }
    let letter = String(decoding: argument.utf8.prefix(2), as: UTF8.self)
    guard allFlags.contains(where: { $0.names.contains(letter) && $0.valueName != nil }) else { return [argument] }
    return [letter, String(decoding: argument.utf8.dropFirst(2), as: UTF8.self)]
  }

  /// Tells flags, their values and actions apart; a flag's value is never taken for an action.
  private func tokens(_ arguments: [String]) throws(UsageError) -> [Token] {
    var tokens: [Token] = []
    var position = 0
    var arguments = arguments
    var operands: [FlagDeclaration] = []
    var flagsHaveEnded = false
    while position < arguments.count {
      if !flagsHaveEnded { arguments.replaceSubrange(position...position, with: parted(arguments[position])) }
      let argument = arguments[position]
      position += 1
      if argument.isSame(as: "--"), !operands.isEmpty, !flagsHaveEnded {
        flagsHaveEnded = true
        continue
      }
      if let operand = operands.first, flagsHaveEnded || !argument.begins(with: "-") || argument.isSame(as: "-") {
        // An archive may be called like an action; a dash alone is where a file would be.
        tokens.append(.flag(operand.name, value: argument))
        if !operand.isRepeatable { operands.removeFirst() }
        // What follows is of the command line again, another action's operands too.
        if operands.isEmpty { flagsHaveEnded = false }
        continue
      }
      if let action = actions.first(where: { $0.names.contains(argument) }) {
        tokens.append(.action(action))
        operands = action.operands
      } else if position < arguments.count,
        let action = actions.first(where: { $0.names.contains("\(argument) \(arguments[position])") })
      {
        tokens.append(.action(action))
        operands = action.operands
        position += 1
      } else if argument.begins(with: "-") && argument.utf8.count > 1 {
        let parts = argument.parts(by: "=", limit: 2)
        // Who writes the flags does not mean operands.
        operands.removeAll { $0.names.contains(parts[0]) }
        guard allFlags.contains(where: { $0.names.contains(parts[0]) }) || OptionFlag(parts[0], in: options) != nil
        else {
          throw unknownFlag(parts[0], named: Self.actions(tokens))
        }
        if argument.begins(with: "--"), parts.count == 2 {
          tokens.append(.flag(parts[0], value: parts[1]))
        } else if takesValue(argument) {
          guard position < arguments.count else {
            throw UsageError(
              argument: argument, problem: "The flag needs a value", suggestion: "Write '\(argument) VALUE'")
          }
          tokens.append(.flag(argument, value: arguments[position]))
          position += 1
        } else {
          tokens.append(.flag(argument, value: nil))
        }
      } else {
        throw unknownAction(
          argument, next: position < arguments.count ? arguments[position] : nil, behind: Self.actions(tokens).last)
      }
    }
    return tokens
  }

  private var allFlags: [FlagDeclaration] { GlobalFlags.all + actions.flatMap(\.flags) }

  private func takesValue(_ name: String) -> Bool {
    let flags = allFlags.filter { $0.names.contains(name) }
    return flags.isEmpty ? OptionFlag(name, in: options)?.takesValue == true : flags.contains { $0.valueName != nil }
  }

  private func checked(_ flag: FlagDeclaration, _ value: String?) throws(UsageError) -> String? {
    if flag.valueName == nil, let value {
      throw UsageError(
        argument: flag.name, problem: "The flag takes no value, found '\(value)'",
        suggestion: "Write just '\(flag.name)'")
    }
    return value
  }

  private func checkRequired(_ named: [ActionDeclaration], _ values: [FlagValues]) throws(UsageError) {
    for (action, flags) in zip(named, values) {
      for flag in action.flags where flag.isRequired && !flags.hasValue(flag) {
        let others = action.flags.filter { $0.standsFor == flag.name }
        guard !others.contains(where: { flags.hasValue($0) }) else { continue }
        throw UsageError(
          argument: action.name, problem: "The flag \(flag.name) is missing",
          suggestion: "Write 'coffer \(action.name) \(flag.name) \(flag.valueName ?? "")'"
            + (action.operands.contains { $0.name.isSame(as: flag.name) } ? ", or its value alone" : ""))
      }
    }
  }

  private static func actions(_ tokens: [Token]) -> [ActionDeclaration] {
    tokens.compactMap { if case .action(let action) = $0 { action } else { nil } }
  }

  /// - Parameters:
  ///   - next: What stands behind the argument.
  ///   - previous: The action that was named last.
  private func unknownAction(_ argument: String, next: String?, behind previous: ActionDeclaration?) -> UsageError {
    let both = next.map { "\(argument) \($0)" }
    let group = actions.map(\.name).filter { $0.begins(with: "\(argument) ") }
    if !group.isEmpty {
      let slip = both.flatMap { NearestName.slip(of: $0, among: group) }
      return UsageError(
        argument: slip == nil ? argument : both ?? argument, problem: "There is no such action",
        suggestion: slip.map { "Did you mean '\($0)'?" } ?? "Write one of: \(group.joined(separator: ", "))")
    }
    if let absent = CommandTable.absent.first(where: { $0.names.contains(argument) || $0.names.contains(both ?? "") }) {
      return UsageError(
        argument: argument, problem: "Coffer has no such action", suggestion: absent.instead)
    }
    let names = actions.flatMap(\.names).filter { !$0.begins(with: "-") }
    let nearest =
      both.flatMap { NearestName.slip(of: $0, among: names) } ?? NearestName.slip(of: argument, among: names)
    return UsageError(
      argument: argument, problem: "There is no such action",
      suggestion: nearest.map { "Did you mean '\($0)'?" } ?? Self.flagInstead(argument, previous))
  }

  /// Other programs take paths and names of archives without a flag.
  private static func flagInstead(_ argument: String, _ action: ActionDeclaration?) -> String? {
    let names = action?.flags.flatMap(\.names) ?? []
    let flags = ["--path", "--archive"].filter { names.contains($0) }
    guard let action, !flags.isEmpty else { return nil }
    let texts = flags.map { "'\($0) \(argument)'" }
    return "Of '\(action.name)', write \(texts.joined(separator: " or "))"
  }

  private func unknownFlag(_ name: String, named: [ActionDeclaration]) -> UsageError {
    let owners = actions.filter { $0.flags.contains { $0.names.contains(name) } }
    if let owner = owners.first {
      return UsageError(
        argument: name, problem: "The flag belongs to '\(owner.name)', which is not among the actions given",
        suggestion: nil)
    }
    let flags = (GlobalFlags.all + named.flatMap(\.flags)).flatMap(\.names)
    let option = OptionFlag.nearest(to: name, in: options)
    // A slip of an option is nearer than a flag of the action that merely resembles it.
    let slip =
      NearestName.slip(of: name, among: flags) ?? option.flatMap { NearestName.slip(of: name, among: [$0]) }
    let nearest = slip ?? NearestName.of(name, among: flags) ?? option
    return UsageError(
      argument: name, problem: "There is no such flag", suggestion: nearest.map { "Did you mean '\($0)'?" })
  }
}
