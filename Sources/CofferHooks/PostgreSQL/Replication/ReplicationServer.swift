import CofferConfiguration
import CofferSystem

/// How a server is reached by the replication protocol.
///
/// What is not said here is what PostgreSQL's own programs take: variables of the environment (PGHOST, PGSSLMODE), `~/.pgpass`, defaults.
public struct ReplicationServer: Sendable {
  /// As messages name the server.
  public let place: String
  /// Keywords of libpq and their values. A value is never read as a connection string.
  let parameters: [(keyword: String, value: String)]

  init(_ connection: PostgreSQLConnection) {
    place = connection.place
    parameters = connection.parameters
  }

  /// - Parameter entry: Of `postgresql_clusters`.
  /// - Throws: `CredentialError`.
  public init(cluster entry: ConfigurationSection, context: HookContext) throws {
    let credentials = context.credentials
    let address = ServerAddress(
      hostname: entry[PostgreSQLClusterOptions.hostname], port: entry[ServerOptions.port],
      username: try entry[ServerOptions.username].map { try credentials.value($0) },
      password: try entry[ServerOptions.password].map { try credentials.value($0) }
        ?? entry[ServerOptions.passwordFile].map { try credentials.contents(of: $0) })
    self.init(PostgreSQLConnection(entry, to: address))
  }
}

extension PostgreSQLConnection {
  /// What the configuration says of the connection, by libpq's keywords.
  var parameters: [(keyword: String, value: String)] {
    var parameters = securityParameters
    let own = [
      ("host", server.hostname), ("port", server.port.map { String($0) }), ("user", server.username),
      ("password", server.password),
    ]
    for case (let keyword, let value?) in own { parameters.append((keyword, value)) }
    return parameters
  }
}
