import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// An exported key as a page to print. It holds digits and words of Coffer's own, nothing that others have chosen.
struct KeyPage {
  private let export: KeyExport
  private let role: KeyRole
  private let printed: Date

  init(_ export: KeyExport, _ role: KeyRole, at printed: Date) {
    self.export = export
    self.role = role
    self.printed = printed
  }

  private var title: String { "Key of a Coffer repository (\(role.rawValue))" }

  private var explanation: [String] {
    [
      "Printed \(Formats.time(printed)). Write here where the repository is: ______________________________",
      """
      This page brings the key back when the repository has lost what is in its folder keys/, or, if its keys are in \
      files, when the key's file is lost. The key opens with its passphrase only, which is not on this page: keep the \
      passphrase, too, at another place. Whoever has both can use the repository as \
      \(role == .full ? "its owner: read, delete, add keys" : "a host that adds backups").
      """,
      """
      To bring it back, with a configuration that names the repository: 'coffer key import --paper', and type the \
      numbered lines, from the first to 'end'. Each carries its own checksum and is asked for again until it fits; blanks \
      do not matter. Or scan the code, save its text as a file, and run 'coffer key import --path FILE'. Then try it: \
      'coffer repo-info'.
      """,
      "After 'coffer key change-passphrase' print the page anew: this one opens with the passphrase of today.",
    ]
  }

  /// Plain text, lines of at most 80 columns.
  var text: String {
    get throws {
      let words = explanation.flatMap { $0.wrapped(width: 79) + [""] }
      return ([title, String(repeating: "=", count: title.utf8.count), ""] + words + (try export.paper))
        .joined(separator: "\n") + "\n"
    }
  }

  /// A page for browsers, with a QR code of the key's text.
  ///
  /// - Throws: `SystemError` when the code would be too large; `QRCode.NoLibrary`.
  var html: String {
    get throws {
      let words = explanation.map { "<p>\($0)</p>" }.joined(separator: "\n")
      return """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <title>\(title)</title>
        <style>
        body { font-family: sans-serif; font-size: 11pt; max-width: 18cm; margin: 1cm auto }
        svg { width: 14cm; height: 14cm; display: block; margin: 0 auto }
        pre { font-size: 9pt; page-break-before: always }
        </style>
        <h1>\(title)</h1>
        \(words)
        \(try QRCode(export.text).svg)
        <pre>
        \(try export.paper.joined(separator: "\n"))
        </pre>
        </html>

        """
    }
  }
}
