import CofferConfiguration
import CofferSystem

/// The options that the entries of all servers have in common whose logs are stored.
public enum ServerLogOptions {
  public static let hostname = OptionKey<String?>(
    "log_hostname",
    "The host that stores the server's log, for 'keep_log' where 'prune' runs elsewhere. Default: hostname where that is another one, else this one.",
    example: "db1")

  public static let within = OptionKey<CheckFrequency?>(
    "log_within",
    "How long ago the newest part of the server's log may have been stored: a number and a unit. 'status' ends with exit code 1 when it was longer, or there is none. A server on which nothing is written has nothing to store.",
    example: "10 minutes", support: .own)

  /// The host that stores the log of an entry's server.
  ///
  /// - Parameter here: What this machine is called.
  public static func host(of entry: ConfigurationSection, here: String) -> String {
    if let name = entry[hostname] { return name }
    guard let host = entry[ServerOptions.hostname], !host.begins(with: "/"),
      !["localhost", "127.0.0.1", "::1"].contains(where: { host.isSame(as: $0) })
    else { return here }
    return host
  }
}
