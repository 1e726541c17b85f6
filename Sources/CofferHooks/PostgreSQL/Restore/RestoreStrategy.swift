/// How the content of a PostgreSQL database that is there is replaced.
public enum RestoreStrategy: String, Sendable, CaseIterable {
  /// By a swap where that is possible, in place where not.
  case automatic = "auto"
  /// The new database is built beside the old one, and takes its name when it is whole.
  case swap
  /// The objects of the old database are replaced in one transaction.
  case inPlace = "in-place"
}
