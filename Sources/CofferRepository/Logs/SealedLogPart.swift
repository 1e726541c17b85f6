import CofferSystem

/// A part of a log as an object that can be put.
public struct SealedLogPart: Sendable {
  /// What messages call it.
  let title: String
  let name: LogName
  /// Of the object.
  let bytes: [UInt8]
  /// What it holds.
  let content: CompressedLogPart
}

/// A part of a log whose blocks are sealed.
struct UnsignedLogPart {
  let part: LogPart
  let name: LogName
  let content: CompressedLogPart
  let builder: LogObjectBuilder

  /// To be called once.
  func signed() throws -> SealedLogPart {
    SealedLogPart(
      title: part.title, name: name, bytes: try builder.finish(name, origin: part.origin), content: content)
  }
}
