import FoundationEssentials

/// What a store knows of an object without reading it.
public struct ObjectStatus: Sendable, Equatable {
  public let name: ObjectName
  /// Bytes stored.
  public let size: Int
  /// When the store received the object, by the store's own clock.
  public let received: Date

  public init(name: ObjectName, size: Int, received: Date) {
    self.name = name
    self.size = size
    self.received = received
  }
}

/// What a put leaves until its object is whole.
public struct UnfinishedPut: Sendable, Equatable {
  /// Where it is, from the store's root on.
  public let path: String
  /// Bytes stored so far.
  public let size: Int
  /// Whether whoever began the put has certainly ended.
  public let isAbandoned: Bool

  public init(path: String, size: Int, isAbandoned: Bool) {
    self.path = path
    self.size = size
    self.isAbandoned = isAbandoned
  }
}
