import CofferSystem
import Glibc
import Synchronization

/// A program that is spoken with by its standard input and output.
final class ProgramChannel: ByteChannel {
  private let child: ChildProcess
  private let streams: Mutex<Streams>
  let input: Int32
  let output: Int32

  private struct Streams: ~Copyable {
    var toChild: FileDescriptor?
    var fromChild: FileDescriptor?
  }

  /// Seconds that a program has to end by itself when its input has ended.
  private static let patience: Double = 2

  /// Starts the program.
  ///
  /// - Parameter command: Its streams are set here.
  /// - Throws: `LaunchError`.
  init(_ command: ChildCommand, launcher: any ProcessLauncher) throws {
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

  func end() -> ChannelEnd {
    streams.withLock { streams in
      streams.toChild = nil
      streams.fromChild = nil
    }
    let status = child.wait(seconds: Self.patience)
    if status == nil { child.terminate() }
    return ChannelEnd(status: status, lines: child.lastErrorLines)
  }
}
