import CofferConfiguration
import CofferSystem
import Glibc

/// A password on its way to a client: in a configuration file of the client's own kind, which is a pipe that the client
/// inherits, or a file that nobody else may read.
///
/// Lives until the client has ended; then the file is gone.
final class MongoDBPassword {
  /// Where the client finds it.
  let path: String
  private let pipe: TextPipe?
  private let file: String?

  private static let number: Int32 = 3

  /// - Throws: `SystemError`; `RuntimeDirectory.Failure`.
  init(_ password: String, by transport: MongoDBOptions.PasswordTransport, in runtime: RuntimeDirectory) throws {
    let text = "password: \(Quoting.yaml(password))\n"
    switch transport {
    case .pipe:
      pipe = try TextPipe(text, subject: "password")
      path = "/dev/fd/\(Self.number)"
      file = nil
    case .file:
      pipe = nil
      path = try runtime.makeFolder("mongodb_config") + "/\(String(UInt64.random(in: 0 ... .max), radix: 16)).yaml"
      file = path
      let output = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL)
      try Array(text.utf8).withUnsafeBytes { try output.writeAll($0, subject: path) }
    }
  }

  deinit {
    if let file { unlink(file) }
  }

  /// The descriptors that the client inherits.
  var inherited: [Int32: Int32] {
    switch pipe {
    case .some(let pipe): [Self.number: pipe.number]
    case nil: [:]
    }
  }
}
