import CofferSystem
import FoundationEssentials
import Glibc

/// A program that writes a dump into a folder of the run, watched over to its end.
///
/// Its limits are those of streams: what a stream's bytes are there, the size of the folder is here.
struct FolderDump {
  private let child: ChildProcess
  private let folder: String
  private let identity: DumpIdentity
  private let context: HookContext

  /// Starts the program; it makes the folder itself.
  init(_ command: ChildCommand, into folder: String, of identity: DumpIdentity, context: HookContext) throws {
    self.folder = folder
    self.identity = identity
    self.context = context
    child = try context.launcher.launch(command)
  }

  /// Waits for the program. When it fails, what it wrote is removed.
  ///
  /// - Parameter begins: Called once, when the program has begun to write rows.
  /// - Returns: The program's warnings.
  /// - Throws: `DumpError`; `RunCancelled`.
  func finish(begins: () -> Void = {}) throws -> [String] {
    do {
      _ = try DumpEnd(identity, of: child, context.limits, context.cancellation).judge(try wait(begins))
      return ClientFailure.warnings(child.lastErrorLines)
    } catch {
      child.terminate()
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  private func wait(_ begins: () -> Void) throws -> ExitStatus {
    let limits = context.limits
    let start = context.clock.steadySeconds()
    var lastChange = start
    var lastSize: UInt64?
    let pause = min(limits.stall ?? 4, limits.total ?? 4, 4) / 4
    var hasBegun = false
    while true {
      if let status = child.wait(seconds: hasBegun ? pause : min(pause, 0.05), cancellation: context.cancellation) {
        if !hasBegun { begins() }
        return status
      }
      try context.cancellation.check()
      if !hasBegun, holdsRows {
        hasBegun = true
        begins()
      }
      let now = context.clock.steadySeconds()
      let size = currentSize
      if size != lastSize { (lastSize, lastChange) = (size, now) }
      if let total = limits.total, now - start > total {
        throw DumpError.tookTooLong(identity, program: child.program, seconds: Int(total))
      }
      if let stall = limits.stall, now - lastChange > stall {
        throw DumpError.stalled(identity, program: child.program, seconds: Int(stall))
      }
    }
  }

  /// Whether there is a file of a table's rows.
  private var holdsRows: Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.contains { $0.holds(".dat") && !$0.isSame(as: "toc.dat") }
  }

  private var currentSize: UInt64 {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    return names.reduce(0) { sum, name in
      var facts = stat()
      return lstat("\(folder)/\(name)", &facts) == 0 ? sum + UInt64(facts.st_size) : sum
    }
  }
}
