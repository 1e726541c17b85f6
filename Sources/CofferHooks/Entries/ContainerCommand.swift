import CofferSystem

/// A command that may run its program in a container.
enum ContainerCommand {
  /// The command with its input passed on into the container, whether or not whoever wrote it thought of that: borgmatic's
  /// dumps need none.
  static func passingInput(_ words: [String]) -> [String] {
    guard let engine = words.firstIndex(where: isEngine) else { return words }
    var position = engine + 1
    if position < words.count, words[position].isSame(as: "container") { position += 1 }
    guard position < words.count, words[position].isSame(as: "exec") else { return words }
    return words[...position] + ["-i"] + words[(position + 1)...]
  }

  private static func isEngine(_ word: String) -> Bool {
    ContainerAddress.engines.contains { word.isSame(as: $0) || word.ends(with: "/\($0)") }
  }
}
