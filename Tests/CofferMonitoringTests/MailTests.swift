import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferMonitoring

@Suite("Mails")
struct MailTests {
  private let client = Couriers.impatient().mail

  private func message(body: String = "Hello", subject: String = "Backup") -> MailMessage {
    MailMessage(
      from: "Coffer <backup@example.org>", recipients: ["admin@example.org", "Jürgen <j@example.org>"],
      subject: subject, body: body, date: noon, identifier: "1@example.org")
  }

  @Test("The text of a mail is what the standards ask for")
  func format() {
    let text = String(decoding: message(body: "Grüße=\n.\nend ").bytes, as: UTF8.self)
    #expect(
      text
        == [
          "Date: Fri, 15 Jan 2027 08:00:00 +0000", "From: Coffer <backup@example.org>",
          "To: admin@example.org,", " =?utf-8?B?SsO8cmdlbg==?= <j@example.org>", "Subject: Backup",
          "Message-ID: <1@example.org>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
          "Content-Transfer-Encoding: quoted-printable", "Auto-Submitted: auto-generated", "", "Gr=C3=BC=C3=9Fe=3D",
          ".",
          "end=20",
        ].joined(separator: "\r\n"))
  }

  @Test("Nothing in a subject or an address begins another header")
  func injection() {
    var evil = message(subject: "a\r\nBcc: x@example.org")
    evil.from = "x\r\nBcc: y@example.org <a@b\r\nRCPT TO:<z@example.org>>"
    let text = String(decoding: evil.bytes, as: UTF8.self)
    #expect(!text.components(separatedBy: "\r\n").contains { $0.hasPrefix("Bcc") || $0.hasPrefix("RCPT") })
    #expect(!evil.envelope.from.contains("\n") && !evil.envelope.from.contains("\r"))
  }

  @Test("Lines are kept short, and come back as they were")
  func quotedPrintable() throws {
    for text in [String(repeating: "x ü=", count: 500), " \t", "a\n\nb\t\n", String(repeating: ".", count: 80)] {
      let encoded = QuotedPrintable.encode(text)
      #expect(encoded.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 76 })
      let decoded = try SystemProcessLauncher().run(
        ChildCommand(
          "python3", ["-c", "import quopri, sys; quopri.decode(sys.stdin.buffer, sys.stdout.buffer)"],
          environment: ProcessEnvironment(["PATH": "/usr/local/bin:/usr/bin:/bin"])), input: Array(encoded.utf8))
      #expect(decoded.text.replacing("\r\n", with: "\n") == text)
    }
  }

  @Test("Long subjects with other letters are split into words of allowed length")
  func subjects() {
    let encoded = MailMessage.encoded(String(repeating: "ü", count: 100))
    let words = encoded.components(separatedBy: "\r\n ")
    #expect(words.count > 2 && words.allSatisfy { $0.count <= 75 && $0.hasPrefix("=?utf-8?B?") })
  }

  @Test("A mail arrives with its envelope and its text; a line that is a dot ends nothing")
  func sent() throws {
    let sink = try MailSink()
    let mail = message(body: "one\n.\n..two\n")
    try client.send(mail, through: MailServer(url: "smtp://127.0.0.1:\(sink.port)", startsTLS: false))
    let taken = try #require(try sink.mail())
    #expect(taken.from == "<backup@example.org>" && taken.to == ["<admin@example.org>", "<j@example.org>"])
    #expect(taken.data.hasSuffix("\r\n\r\none\r\n.\r\n..two\r\n") && !taken.encrypted && taken.user == nil)
  }

  @Test("The user logs in; a wrong password and a refused recipient are told")
  func authentication() throws {
    let sink = try MailSink(refuses: "nobody@")
    var server = MailServer(
      url: "smtp://127.0.0.1:\(sink.port)", username: "me", password: "p w:ü", startsTLS: false)
    try client.send(message(), through: server)
    let taken = try #require(try sink.mail())
    #expect(taken.user == "me" && taken.password == "p w:ü")
    server.password = "wrong"
    let error = #expect(throws: MailError.self) { try client.send(message(), through: server) }
    #expect(error?.diagnosis.subject == "smtp://127.0.0.1:\(sink.port)")
    #expect(error?.reason.contains("Login denied") == true, "\(String(describing: error))")
    server.password = "right"
    var unknown = message()
    unknown.recipients = ["nobody@example.org"]
    #expect(throws: MailError.self) { try client.send(unknown, through: server) }
  }

  @Test("Nothing is said without encryption unless that is allowed, and certificates are looked at")
  func encryption() throws {
    let plain = try MailSink()
    let error = #expect(throws: MailError.self) {
      try client.send(
        message(), through: MailServer(url: "smtp://127.0.0.1:\(plain.port)", username: "me", password: "p"))
    }
    #expect(error?.diagnosis.suggestion?.contains("starttls: false") == true, "\(String(describing: error))")
    for (encryption, scheme) in [(MailSink.Encryption.starttls, "smtp"), (.tls, "smtps")] {
      let sink = try MailSink(encryption)
      var server = MailServer(url: "\(scheme)://127.0.0.1:\(sink.port)", username: "me", password: "p")
      let distrust = #expect(throws: MailError.self) { try client.send(message(), through: server) }
      #expect(distrust?.reason.contains("certificate") == true, "\(String(describing: distrust))")
      server.verifiesServer = false
      try client.send(message(), through: server)
      let taken = try #require(try sink.mail())
      #expect(taken.encrypted && taken.user == "me")
    }
  }

  @Test("The hook's mail tells archives, databases and errors, and goes out in the configured states")
  func hook() throws {
    let sink = try MailSink()
    let hook = try service(
      Email.self, "server: smtp://127.0.0.1:\(sink.port)", "from: backup@example.org", "to: [admin@example.org]",
      "username: me", "password: '{credential file /secret}'", "starttls: false", "states: [always]")
    #expect(hook.states == [.finish, .fail])
    try hook.deliver(event(.fail, log: ["Dumping users"]), through: .impatient())
    let taken = try #require(try sink.mail())
    #expect(taken.password == "from file")
    let text = taken.data.replacing("=\r\n", with: "").replacing("=20\r\n", with: " \r\n")
    #expect(text.contains("Subject: Backup of db1 has FAILED: /etc/coffer/config.yaml\r\n"))
    for line in [
      "Actions:        create, check", "Took:           1 min 15 s", "Repository local: all is well",
      "  Archive db1-1: 589 MB read, 94.4 MB new, 3.47 MB stored, 6.5 s",
      "  postgresql database 'users' at localhost: 400 kB, 1.2 s", "Repository /mnt/remote: FAILED",
      "  postgresql database 'users' at localhost: FAILED, 1.2 s", "Errors:", "- users: It is broken", "- other: Also",
      "Log:", "Dumping users",
    ] {
      #expect(text.contains("\r\n\(line)\r\n"), "\(line) is not in \(text)")
    }
    #expect(throws: MonitoringError.self) {
      try service(Email.self, "server: mail.example.org", "from: a@b", "to: [c@d]")
    }
  }

  @Test("No name, address or subject begins a header of its own or ends the headers")
  func headers() { Fuzz.run(.headerLine) { random in headers(&random) } }

  private func headers(_ random: inout SeededRandom) {
    let names = [
      "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
      "Auto-Submitted",
    ]
    for _ in 0..<100 {
      func text() -> String {
        random.text("a:<>@ ,=?\r\n\u{301}\u{85}\u{2028}\u{b}\u{c}ü\0") + "\r\nBcc: evil@example.org"
      }
      let mail = MailMessage(
        from: text(), recipients: [text(), text()], subject: text(), body: "\r\n\r\nbody", date: Date(),
        identifier: text())
      let lines = String(decoding: mail.bytes, as: UTF8.self).parts(by: "\r\n")
      let end = lines.firstIndex { $0.isEmpty } ?? 0
      let begun = lines[..<end].filter { !$0.begins(with: " ") }
      #expect(begun.map { $0.parts(by: ":", limit: 2)[0] } == names, "\(begun)")
      #expect(lines[..<end].allSatisfy { line in line.utf8.allSatisfy { $0 >= 32 && $0 != 127 } })
      #expect(Self.decoded(MailMessage.encoded(mail.subject)).isSame(as: Quoting.headerLine(mail.subject)))
    }
  }

  /// A header's text by RFC 2047: encoded words, between which white space means nothing.
  private static func decoded(_ header: String) -> String {
    guard header.begins(with: "=?utf-8?B?") else { return header }
    return header.parts(by: "\r\n ").map { word in
      let text = word.after(beginning: "=?utf-8?B?")?.before(end: "?=") ?? ""
      return String(decoding: Data(base64Encoded: text) ?? Data(), as: UTF8.self)
    }.joined()
  }
}
