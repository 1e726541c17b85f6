import CofferSystem
import Foundation

/// A mail server on 127.0.0.1 that takes one mail and tells what it was given.
public final class MailSink {
  public struct Mail: Decodable, Equatable {
    public let user: String?
    public let password: String?
    public let encrypted: Bool
    public let from: String
    public let to: [String]
    public let data: String
  }

  public enum Encryption: String, Sendable {
    case none, starttls, tls
  }

  public struct NotStarted: Error {}

  public let port: Int
  private let child: ChildProcess
  private let output: PolledReader
  private let descriptor: FileDescriptor
  private let folder: String

  /// - Parameter refuses: A recipient that is not taken.
  public init(_ encryption: Encryption = .none, refuses: String = "") throws {
    folder = NSTemporaryDirectory() + "coffer-mail-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try TestCertificate.make("\(folder)/server.pem")
    child = try SystemProcessLauncher().launch(
      ChildCommand(
        "python3", ["-u", "-c", Self.program, encryption.rawValue, "\(folder)/server.pem", refuses],
        environment: Self.environment, output: .pipe))
    guard let pipe = child.takeOutput() else { throw NotStarted() }
    descriptor = pipe
    output = PolledReader(descriptor.number, cancellation: nil)
    guard let line = try Self.line(output), let port = Int(line) else { throw NotStarted() }
    self.port = port
  }

  private static let environment = ProcessEnvironment(["PATH": "/usr/local/bin:/usr/bin:/bin"])

  deinit {
    child.terminate()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The mail, once it was given; nil when none comes.
  public func mail() throws -> Mail? {
    guard let line = try Self.line(output) else { return nil }
    return try JSONDecoder().decode(Mail.self, from: Data(line.utf8))
  }

  private static func line(_ reader: PolledReader) throws -> String? {
    var bytes: [UInt8] = []
    while bytes.last != UInt8(ascii: "\n") {
      var byte: UInt8 = 0
      let outcome = try withUnsafeMutableBytes(of: &byte) { try reader.read(into: $0, seconds: 10, subject: "mail") }
      guard outcome == .bytes(1) else { return nil }
      bytes.append(byte)
    }
    return String(decoding: bytes.dropLast(), as: UTF8.self)
  }

  private static let program = #"""
    import base64, json, socket, ssl, sys
    mode, certificate, refused = sys.argv[1:4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1])
    while True:
        connection, _ = server.accept()
        mail = {"user": None, "password": None, "encrypted": mode == "tls", "from": "", "to": [], "data": ""}
        try:
            if mode == "tls": connection = context.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rwb")
            def say(text):
                stream.write(text.encode() + b"\r\n"); stream.flush()
            say("220 sink")
            while True:
                line = stream.readline().decode()
                word = line.upper().strip()
                if not line: break
                elif word.startswith("EHLO"):
                    if mode == "starttls" and not mail["encrypted"]: say("250-sink\r\n250 STARTTLS")
                    else: say("250-sink\r\n250 AUTH PLAIN")
                elif word == "STARTTLS":
                    say("220 go")
                    connection = context.wrap_socket(connection, server_side=True)
                    stream = connection.makefile("rwb")
                    mail["encrypted"] = True
                elif word.startswith("AUTH PLAIN"):
                    text = line.strip()[10:].strip()
                    if not text:
                        say("334 "); text = stream.readline().decode().strip()
                    parts = base64.b64decode(text).decode().split("\0")
                    mail["user"], mail["password"] = parts[1], parts[2]
                    if parts[2] == "wrong": say("535 authentication failed")
                    else: say("235 ok")
                elif word.startswith("MAIL FROM"): mail["from"] = line.split(":", 1)[1].strip(); say("250 ok")
                elif word.startswith("RCPT TO"):
                    if refused and refused in line: say("550 no such mailbox")
                    else: mail["to"].append(line.split(":", 1)[1].strip()); say("250 ok")
                elif word == "DATA":
                    say("354 go")
                    while True:
                        line = stream.readline().decode()
                        if line == ".\r\n": break
                        mail["data"] += line[1:] if line.startswith(".") else line
                    print(json.dumps(mail)); say("250 taken")
                elif word == "QUIT": say("221 bye"); break
                else: say("500 what?")
        except (OSError, ssl.SSLError): pass
        connection.close()
    """#
}
