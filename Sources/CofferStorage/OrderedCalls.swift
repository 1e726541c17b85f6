import CofferSystem

/// Calls whose order counts, for a place that keeps an order by itself: all of them are sent at once, so they take one way there
/// and back together.
public struct OrderedCalls: Sendable {
  /// An object that is put at the beginning, in one go with the first stage.
  public struct NewObject: Sendable {
    public let name: ObjectName
    public let content: [UInt8]

    public init(_ name: ObjectName, _ content: [UInt8]) {
      self.name = name
      self.content = content
    }
  }

  public let put: NewObject?
  /// Folders that are listed. The lists of a stage begin when the put and all lists of earlier stages have ended; those of the first
  /// begin at once.
  public let stages: [[String]]
  /// Whether lists behind the put go to their end also when the run is to stop by then: for what has to be known of an object that is
  /// there.
  public let goOnBehindPut: Bool

  public init(put: NewObject? = nil, listing stages: [[String]], goOnBehindPut: Bool = false) {
    self.put = put
    self.stages = stages
    self.goOnBehindPut = goOnBehindPut
  }
}
