import CofferSystem

/// One request of a `ServedStore`.
struct ServedCall {
  let exchange: Exchange
  private let connection: FrameConnection
  private let name: ObjectName?
  private let location: String
  private let cancellation: Cancellation?

  init(
    _ connection: FrameConnection, _ exchange: Exchange, _ name: ObjectName?, location: String,
    cancellation: Cancellation?
  ) {
    self.connection = connection
    self.exchange = exchange
    self.name = name
    self.location = location
    self.cancellation = cancellation
  }

  func send(
    _ type: ServeProtocol.Request, _ payload: [UInt8], body: UnsafeRawBufferPointer? = nil
  ) throws(StorageError) {
    do throws(RemoteError) { try exchange.send(type.rawValue, payload, body: body, cancellation) } catch {
      throw storageError(error)
    }
  }

  /// The next answer.
  ///
  /// - Throws: What the host says of a failure; `StorageError`.
  func answer() throws(StorageError) -> (ServeProtocol.Answer, [UInt8]) {
    var frame: Frame
    repeat {
      do throws(RemoteError) { frame = try exchange.next(cancellation) } catch { throw storageError(error) }
    } while frame.type == ServeProtocol.Answer.working.rawValue
    try checkGreeting()
    guard let answer = ServeProtocol.Answer(rawValue: frame.type) else { throw nonsense() }
    guard answer == .failed else { return (answer, frame.payload) }
    guard let failure = try? ServeFailure(decoding: frame.payload) else { throw nonsense() }
    throw failure.storageError(name, location: location)
  }

  /// The answer, which is of this type.
  func answer(_ wanted: ServeProtocol.Answer) throws(StorageError) -> [UInt8] {
    let (answer, payload) = try answer()
    guard answer == wanted else { throw nonsense() }
    return payload
  }

  /// Takes an answer's payload apart, all of it.
  func decoded<Value>(
    _ payload: [UInt8], _ body: (inout PayloadReader) throws(PayloadReader.Malformed) -> Value
  ) throws(StorageError) -> Value {
    var reader = PayloadReader(payload)
    do throws(PayloadReader.Malformed) {
      let value = try body(&reader)
      try reader.end()
      return value
    } catch {
      throw nonsense()
    }
  }

  /// Breaks the connection: whoever sends such an answer cannot be relied upon for the others.
  func nonsense() -> StorageError {
    let failure = StorageFailure(
      .transient, "request", reason: "the host's answer is not one to what was asked",
      suggestion: "Install the same version of Coffer on both hosts")
    connection.fail(failure)
    return .failed(name, location: location, failure)
  }

  /// A host that refuses to serve says why in answer to the greeting; the requests that follow have no answer then.
  private func storageError(_ error: RemoteError) -> StorageError {
    if case .broken = error, let refusal { return refusal }
    return error.storageError(name, location: location)
  }

  /// Why the host does not serve; nil as long as it has not said so.
  private var refusal: StorageError? {
    guard let greeting = connection.knownGreeting, greeting.type == ServeProtocol.Answer.failed.rawValue else {
      return nil
    }
    guard let failure = try? ServeFailure(decoding: greeting.payload) else { return nonsense() }
    return failure.storageError(nil, location: location)
  }

  /// - Throws: When the host has answered the greeting by something else than that it serves, in a version that is known here.
  private func checkGreeting() throws(StorageError) {
    if let refusal { throw refusal }
    guard let greeting = connection.knownGreeting else { return }
    guard greeting.type == ServeProtocol.Answer.welcome.rawValue,
      let welcome = try? ServeWelcome(decoding: greeting.payload), ServeProtocol.versions.contains(welcome.version)
    else { throw nonsense() }
  }
}
