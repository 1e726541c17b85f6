/// What the clients of a server may do.
public struct ServeRights: Sendable, Equatable {
  /// Whether they may only add: nothing is deleted for them.
  public var isAppendOnly: Bool
  /// Folders that repositories have to be, or, without a quota, to be in; empty for any.
  public var folders: [String]
  /// Bytes that a repository may have at most.
  public var quota: Int?

  public init(isAppendOnly: Bool = false, folders: [String] = [], quota: Int? = nil) {
    self.isAppendOnly = isAppendOnly
    self.folders = folders
    self.quota = quota
  }
}
