import CofferSystem

/// Certificates for servers on this machine, made when they are needed.
public enum TestCertificate {
  public struct NotMade: Error {
    public let reason: [String]
  }

  /// Writes a self-signed certificate for localhost and its key into one file.
  public static func make(_ path: String) throws {
    let arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
      "/CN=localhost", "-keyout", path, "-out", path,
    ]
    let environment = ProcessEnvironment(["PATH": "/usr/local/bin:/usr/bin:/bin"])
    let result = try SystemProcessLauncher().run(ChildCommand("openssl", arguments, environment: environment))
    guard result.status.isSuccess else { throw NotMade(reason: result.errorLines) }
  }
}
