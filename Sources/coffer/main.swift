import CofferActions
import CofferSystem
import Foundation

signal(SIGPIPE, SIG_IGN)
do {
  let cancellation = try Cancellation()
  let watcher = SignalWatcher(cancellation: cancellation)
  let code = Program(surroundings: .current(), cancellation: cancellation).run(
    Array(CommandLine.arguments.dropFirst()))
  exit(watcher.exitCode ?? code)
} catch {
  FileHandle.standardError.write(Data("coffer: \(error)\n".utf8))
  exit(1)
}
