import CofferSystem
import Foundation

/// An archive's table of contents as pg_restore lists it, for a restore that leaves something out.
enum ArchiveList {
  /// Lists all but extensions that are there already and are somebody else's, with their comments: only the owner may
  /// replace them.
  ///
  /// - Parameter archive: The file or folder.
  /// - Returns: The file with the list; it goes with the run.
  /// - Throws: `RestoreError.programFailed`; `LaunchError`; `RunCancelled`; `SystemError`.
  static func without(_ extensions: [ServerText], of archive: String, _ job: RestoreJob) throws -> String {
    let result = try job.context.launcher.run(
      job.connection.command(.restore, ["--list", archive], context: job.context), outputLimit: 1 << 30,
      cancellation: job.context.cancellation)
    guard result.status.isSuccess else {
      throw RestoreError.programFailed(
        job.identity, program: "pg_restore", status: result.status, lines: result.errorLines)
    }
    let path = try job.context.runtime.makeParent(of: "entries-\(UInt32.random(in: 0 ... .max))")
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    try filtered(result.output, extensions).withUnsafeBytes { try file.writeAll($0, subject: path) }
    return path
  }

  /// `3; 3079 16385 EXTENSION - citext `, and `3456; 0 0 COMMENT - EXTENSION citext `.
  static func filtered(_ list: [UInt8], _ extensions: [ServerText]) -> [UInt8] {
    let (blank, newline) = (UInt8(ascii: " "), UInt8(ascii: "\n"))
    let left = Set(
      extensions.flatMap { name in
        ["EXTENSION - ", "COMMENT - EXTENSION "].map { Array($0.utf8) + name.bytes }
      })
    let lines = list.split(separator: newline).filter { line in  // of bytes
      let parts = line.split(separator: blank, maxSplits: 3, omittingEmptySubsequences: false)  // of bytes
      guard parts.count == 4 else { return true }
      // Behind the name stands the owner, which extensions have not.
      let entry = parts[3].last == blank ? parts[3].dropLast() : parts[3]
      return !left.contains(Array(entry))
    }
    return lines.flatMap { $0 + [newline] }
  }
}
