import CofferSystem
import Foundation

/// An HTTPS server on 127.0.0.1 that answers every GET, with a certificate that nobody has signed.
public final class TLSServer {
  public struct NotStarted: Error {}

  public let port: Int
  /// A certificate with its key, for the server and for clients that need one.
  public let certificate: String
  private let child: ChildProcess
  private let folder: String

  /// - Parameter asksClients: Whether clients must show a certificate.
  public init(asksClients: Bool = false) throws {
    folder = NSTemporaryDirectory() + "coffer-tls-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    certificate = "\(folder)/both.pem"
    try TestCertificate.make(certificate)
    let clients = asksClients ? ["-Verify", "1", "-verify_return_error", "-CAfile", certificate] : []
    child = try SystemProcessLauncher().launch(
      ChildCommand(
        "openssl", ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", certificate, "-www"] + clients,
        environment: ProcessEnvironment(["PATH": "/usr/local/bin:/usr/bin:/bin"]), output: .pipe))
    guard let output = child.takeOutput(), let port = try Self.port(output) else { throw NotStarted() }
    self.port = port
  }

  deinit {
    child.terminate()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// It prints `ACCEPT 127.0.0.1:PORT` once it listens.
  private static func port(_ output: borrowing FileDescriptor) throws -> Int? {
    let reader = PolledReader(output.number, cancellation: nil)
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !text.contains("ACCEPT") || text.last != "\n" {
      let outcome = try buffer.withUnsafeMutableBytes { try reader.read(into: $0, seconds: 10, subject: "openssl") }
      guard case .bytes(let count) = outcome else { return nil }
      text += String(decoding: buffer[..<count], as: UTF8.self)
    }
    return text.split(whereSeparator: \.isNewline).last { $0.hasPrefix("ACCEPT") }?.split(separator: ":").last
      .flatMap { Int($0) }
  }
}
