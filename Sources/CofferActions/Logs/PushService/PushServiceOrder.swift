/// What a process is started for that keeps a repository open for pushes: the command line of the push that starts it, and which
/// of its repositories is meant.
struct PushServiceOrder {
  /// Of the socket.
  let name: String
  /// The paths of the configuration file and of the repository.
  let configuration: String
  let repository: String
  /// The server's, as its files say it.
  let systemIdentifier: UInt64
  /// The push's, without the program's name.
  let arguments: [String]

  private static let word = "--push-service"

  init(name: String, configuration: String, repository: String, systemIdentifier: UInt64, arguments: [String]) {
    self.name = name
    self.configuration = configuration
    self.repository = repository
    self.systemIdentifier = systemIdentifier
    self.arguments = arguments
  }

  /// - Parameter words: The program's arguments.
  /// - Returns: nil where they are no such order.
  init?(_ words: [String]) {
    guard words.count > 5, words[0].isSame(as: Self.word), let identifier = UInt64(words[4]) else { return nil }
    self.init(
      name: words[1], configuration: words[2], repository: words[3], systemIdentifier: identifier,
      arguments: Array(words[5...]))
  }

  var words: [String] { [Self.word, name, configuration, repository, String(systemIdentifier)] + arguments }
}
