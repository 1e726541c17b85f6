import Foundation

/// What an archive remembers of a database dump, so that it can be restored without today's configuration.
public struct DumpRecord: Sendable, Equatable, Codable {
  /// The hook's configuration name, for example `postgresql_databases`.
  public var hook: String
  /// The database's name, or `all`.
  public var database: String
  /// As configured; nil means the client's default.
  public var hostname: String?
  /// As configured; nil means the client's default.
  public var port: Int?
  public var container: String?
  public var label: String?
  /// The dump's format, for example `custom`, `plain`, `tar`, `directory`, `sql`.
  public var format: String
  /// The version of the dump program, as it names itself.
  public var clientVersion: String?
  /// The version of the server, as it names itself.
  public var serverVersion: String?
  /// Further facts that the hook wants back on restore, for example `owner`, `encoding`.
  public var details: [String: String]
  /// Bytes of the dump; of all files of a directory dump.
  public var bytes: UInt64
  public var start: Date
  public var end: Date
  /// The exit status of the dump program.
  public var exitStatus: Int32

  public init(
    hook: String, database: String, hostname: String? = nil, port: Int? = nil, container: String? = nil,
    label: String? = nil, format: String, clientVersion: String? = nil, serverVersion: String? = nil,
    details: [String: String] = [:], bytes: UInt64, start: Date, end: Date, exitStatus: Int32 = 0
  ) {
    self.hook = hook
    self.database = database
    self.hostname = hostname
    self.port = port
    self.container = container
    self.label = label
    self.format = format
    self.clientVersion = clientVersion
    self.serverVersion = serverVersion
    self.details = details
    self.bytes = bytes
    self.start = start
    self.end = end
    self.exitStatus = exitStatus
  }
}
