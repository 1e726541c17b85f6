import CofferSystem
import Glibc
import Synchronization

/// A program that is spoken with by its standard input and output.
final class ProgramChannel: ByteChannel {
  private let child: ChildProcess
  private let streams: Mutex<Streams>
  private let socket: String?
  private let another: Another?
  let input: Int32
  let output: Int32

  /// Makes another channel by what carries this one; nil where none can be made so.
  typealias Another = @Sendable (Cancellation?) throws(RemoteError) -> ProgramChannel?

  private struct Streams: ~Copyable {
    var toChild: FileDescriptor?
    var fromChild: FileDescriptor?
  }

  /// Seconds that a program has to end by itself when its input has ended.
  private static let patience: Double = 2

  /// Starts the program.
  ///
  /// - Parameters:
  ///   - command: Its streams are set here.
  ///   - socket: Of the program, removed when that has ended.
  ///   - another: nil where no other channel can be made by what carries this one.
  /// - Throws: `LaunchError`.
  init(_ command: ChildCommand, launcher: any ProcessLauncher, socket: String? = nil, another: Another? = nil) throws {
    self.socket = socket
    self.another = another
    var command = command
    command.input = .pipe
    command.output = .pipe
    child = try launcher.launch(command)
    guard let toChild = child.takeInput(), let fromChild = child.takeOutput() else {
      preconditionFailure("both streams were asked for as pipes")
    }
    (input, output) = (fromChild.number, toChild.number)
    for number in [input, output] { _ = fcntl(number, F_SETFL, O_NONBLOCK) }
    streams = Mutex(Streams(toChild: toChild, fromChild: fromChild))
  }

  var endDescriptor: Int32? { child.endDescriptor }

  func beside(_ cancellation: Cancellation?) throws(RemoteError) -> (any ByteChannel)? {
    guard let another else { return nil }
    return try another(cancellation)
  }

  func end() -> ChannelEnd {
    streams.withLock { streams in
      streams.toChild = nil
      streams.fromChild = nil
    }
    let status = child.wait(seconds: Self.patience)
    if status == nil { child.terminate() }
    if let socket { SSHSockets.remove(socket) }
    return ChannelEnd(status: status, lines: child.lastErrorLines)
  }
}
