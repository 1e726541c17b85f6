import CofferRepository
import CofferSystem

/// `key export`: a key, to be kept elsewhere.
enum KeyExportAction {
  private static let key = Flag<String?>(
    "--key", value: "ID", help: "The key's id, or its beginning. Default: the one in use.")
  private static let path = Flag<String?>(
    "--path", value: "FILE", help: "Write it to this file, which must not be there yet. Default: standard output.")
  private static let paper = Flag<Bool>("--paper", help: "Write a page of text to print, with lines that can be typed.")
  private static let qrHTML = Flag<Bool>("--qr-html", help: "Write a page for a browser to print, with a QR code, too.")

  static let declaration = ActionDeclaration(
    "key export", abstract: "Write a key to a file, or to a page to print.",
    discussion: """
      What is written brings the key back ('coffer key import') when the repository's keys/, or the key file of a keyfile \
      repository, is lost. It opens with the key's passphrase only; keep the two at different places.
      """,
    flags: [key, path, paper, qrHTML, SharedFlags.repository],
    examples: [
      "coffer key export --qr-html --path key.html", "coffer key export --paper | lp",
      "coffer key export --path /mnt/usb/coffer-key",
    ], canDoWithoutConfiguration: true, repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    guard !(context.flags.contains(paper) && context.flags.contains(qrHTML)) else {
      throw UsageError(
        argument: "--qr-html", problem: "--paper and --qr-html are two pages", suggestion: "Give one of them")
    }
    try context.forEachRepository { location in
      let repository = try context.open(location).repository
      let export = try repository.exportKey(context.flags[key])
      let role = try repository.keys().first { $0.id == export.key }?.role ?? repository.role
      let page = KeyPage(export, role, at: context.surroundings.clock.now())
      let text =
        try context.flags.contains(paper) ? page.text : context.flags.contains(qrHTML) ? page.html : export.text
      guard let path = context.flags[path] else { return context.console.output(text) }
      guard !context.isDryRun else { return context.console.answer("Would write \(path)") }
      let place = try StreamDestination.newFile(path, context)
      try place.folder.replace(place.name, with: Array(text.utf8), isLasting: true)
      context.console.answer("\(location.path): Wrote \(role.rawValue) key \(export.key) to \(path)")
    }
  }
}
