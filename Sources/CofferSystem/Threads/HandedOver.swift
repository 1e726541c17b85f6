/// A value that one thread has got and another works with.
public struct HandedOver<Value>: @unchecked Sendable {
  // Sound because whoever hands the value over leaves it alone from then on.
  public let value: Value

  public init(_ value: Value) {
    self.value = value
  }
}
