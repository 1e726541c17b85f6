import CofferSystem

extension [String] {
  /// The words of a command that stand behind a program's name: what is before it belongs to what runs it elsewhere.
  ///
  /// - Parameter isNamed: Whether a word names the program.
  /// - Returns: None where no word does.
  func words(behind isNamed: (String) -> Bool) -> [String] {
    lastIndex(where: isNamed).map { Array(self[($0 + 1)...]) } ?? []
  }
}

extension String {
  /// Whether one of some short options is among those that stand together in this word of a command.
  ///
  /// - Parameters:
  ///   - letters: The options.
  ///   - values: Letters of others, of which the rest of the word is a value.
  func holdsOption(ofLetters letters: String, before values: String) -> Bool {
    after(beginning: "-")?.utf8.prefix { letters.utf8.contains($0) || !values.utf8.contains($0) }
      .contains(where: letters.utf8.contains) == true
  }
}
