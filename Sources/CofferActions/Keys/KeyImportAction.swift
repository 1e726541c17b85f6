import CofferRepository
import CofferSystem
import Glibc

/// `key import`: brings an exported key back.
enum KeyImportAction {
  private static let path = Flag<String?>(
    "--path", value: "FILE",
    help: "The file that 'coffer key export' has written. Default: standard input, or with --paper the terminal.")
  private static let paper = Flag<Bool>(
    "--paper", help: "Ask at the terminal for the lines of a page, one after the other, and check each.")

  static let declaration = ActionDeclaration(
    "key import", abstract: "Bring an exported key back.",
    discussion: """
      For a repository whose keys/ is lost, and for a machine that is to have the key file of a keyfile repository. \
      Reads text and pages alike, and also the file of a key that 'key add' has written. Needs no passphrase: whether the \
      key is the repository's is seen by its signature. A key that was removed does not come back. On a machine without a \
      configuration file, --repository says where the repository is; then 'coffer config bootstrap' brings that, too.
      """,
    flags: [path, paper, SharedFlags.repository],
    examples: [
      "coffer key import --path /mnt/usb/coffer-key", "coffer key import --paper",
      "coffer key import --repository /mnt/backup/databases --path /mnt/usb/coffer-key",
    ], canDoWithoutConfiguration: true, repositories: .one, run: run)

  /// More than any file of an exported key has.
  private static let limit = 1 << 20

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let store = try location.store(context)
      guard try Repository.header(in: store, cancellation: context.cancellation) != nil else {
        throw RepositoryError.notFound(location: location.path)
      }
      let export = try export(context)
      guard !context.isDryRun else {
        return context.console.answer("Would import key \(export.key) into \(location.path)")
      }
      let isNew = try Repository.importKey(
        export, in: store, surroundings: location.surroundings(context, unlockTimeout: 0))
      context.console.answer(
        isNew
          ? "\(location.path): Imported key \(export.key); try it: coffer repo-info"
          : "\(location.path): The key \(export.key) is there already")
    }
  }

  private static func export(_ context: ActionContext) throws -> KeyExport {
    if let path = context.flags[path] {
      let place = try FilePlace(context.absolutePath(path))
      return try KeyExport(reading: place.folder.read(place.name, limit: limit))
    }
    if context.flags.contains(paper), TerminalQuestion.canAsk { return try typed(context) }
    let reader = PolledReader(STDIN_FILENO, cancellation: context.cancellation)
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 14)
    while bytes.count <= limit {
      let outcome = try piece.withUnsafeMutableBytes {
        try reader.read(into: $0, seconds: .infinity, subject: "standard input")
      }
      if case .bytes(let count) = outcome { bytes += piece[..<count] }
      if case .ended = outcome { break }
    }
    return try KeyExport(reading: bytes)
  }

  private static func typed(_ context: ActionContext) throws -> KeyExport {
    let question = TerminalQuestion(context.cancellation)
    var reader = PaperKeyReader(hasBegun: true)
    TerminalQuestion.say("Type the lines; the last one with its 'end:'.\n")
    while true {
      if let export = reader.export { return export }
      guard let line = try question.line("\(reader.next) ", isSecret: false) else {
        throw UsageError(
          argument: "--paper", problem: "The lines ended before 'end:'", suggestion: "Begin again with the first line")
      }
      do {
        try reader.take(line.holds(":") ? line : "\(reader.next) \(line)")
      } catch let error as KeyExport.Unreadable {
        TerminalQuestion.say("\(error.diagnosis.problem); again.\n")
      }
    }
  }
}
