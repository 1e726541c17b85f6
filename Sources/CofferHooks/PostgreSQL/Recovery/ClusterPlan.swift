/// What of a cluster goes where when it is laid down.
public struct ClusterPlan: Sendable, Equatable {
  public struct Tablespace: Sendable, Equatable {
    /// PostgreSQL's number of it, by which its link in `pg_tblspc` is called.
    public let number: UInt32
    /// Where it was.
    public let recorded: String
    /// Where it goes; absolute.
    public let location: String

    public init(number: UInt32, recorded: String, location: String) {
      self.number = number
      self.recorded = recorded
      self.location = location
    }
  }

  /// The data directory; absolute, without a `/` at its end.
  public let directory: String
  public let tablespaces: [Tablespace]
  /// Whether a cluster that is there is made this one, by writing only what differs.
  public let isDelta: Bool
  public let systemIdentifier: UInt64
  public let majorVersion: Int
  /// Bytes.
  public let size: UInt64

  public init(
    directory: String, tablespaces: [Tablespace], isDelta: Bool, systemIdentifier: UInt64, majorVersion: Int,
    size: UInt64
  ) {
    self.directory = directory
    self.tablespaces = tablespaces
    self.isDelta = isDelta
    self.systemIdentifier = systemIdentifier
    self.majorVersion = majorVersion
    self.size = size
  }

  /// The major version in what a server says of its own; nil for what says none.
  public static func majorVersion(_ text: String) -> Int? { PostgreSQLVersion.major(text[...]) }
}
