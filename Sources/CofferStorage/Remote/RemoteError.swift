import CofferSystem

/// Why a request to another program or machine has no answer.
enum RemoteError: Error, Equatable {
  case cancelled
  /// The connection could not be made, or broke.
  case broken(StorageFailure)

  init(_ error: SystemError) {
    self = .broken(StorageFailure(error))
  }

  func storageError(_ name: ObjectName?, location: String) -> StorageError {
    switch self {
    case .cancelled: .cancelled(location: location)
    case .broken(let failure): .failed(name, location: location, failure)
    }
  }
}

/// Two streams of bytes, there and back, and whoever is at the other end.
protocol ByteChannel: Sendable {
  /// Where bytes are read and written without waiting. Both belong to the channel, and stay open until `end`.
  var input: Int32 { get }
  var output: Int32 { get }
  /// Becomes readable when nothing more will come although `input` is open; nil where that cannot be.
  var endDescriptor: Int32? { get }

  /// Closes both streams, and ends whoever is at the other end if it does not by itself. Called once.
  ///
  /// - Returns: What it had to say about the end.
  func end() -> ChannelEnd

  /// Makes another channel by what carries this one, in fewer ways there and back than the first one took.
  ///
  /// - Returns: nil where none can be made so.
  /// - Throws: `RemoteError.broken`.
  func beside(_ cancellation: Cancellation?) throws(RemoteError) -> (any ByteChannel)?
}

extension ByteChannel {
  func beside(_ cancellation: Cancellation?) throws(RemoteError) -> (any ByteChannel)? { nil }
}

/// How a program at the other end of a channel ended.
struct ChannelEnd: Sendable, Equatable {
  /// nil where there was no program.
  var status: ExitStatus?
  /// The last lines of its standard error.
  var lines: [String] = []
}
