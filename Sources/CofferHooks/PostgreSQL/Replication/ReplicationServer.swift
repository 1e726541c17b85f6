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
  /// - Throws: `CredentialError`; `ContainerError`.
  public init(cluster entry: ConfigurationSection, context: HookContext) throws {
    let server = ServerEntry(entry, of: PostgreSQLClusterHook(), name: entry[PostgreSQLClusterOptions.name])
    self.init(PostgreSQLConnection(entry, to: try server.address(context: context)))
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
