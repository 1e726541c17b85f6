/// Memory of a fixed size, freed with its last owner; what is in it at first is not known.
public final class OwnedMemory: @unchecked Sendable {
  // Sound because it is handed from thread to thread through queues, and only the one that has it touches the bytes.
  public let bytes: UnsafeMutableRawBufferPointer

  public init(capacity: Int) {
    bytes = .allocate(byteCount: capacity, alignment: 64)
  }

  deinit {
    bytes.deallocate()
  }
}
