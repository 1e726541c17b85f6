import CofferSystem

/// Why a server's files are not read from a folder.
enum ServerFolderError: Error, Equatable {
  /// What the server just wrote is not there.
  case notOfServer(String)
  /// A link of the server leads to what is not the server's.
  case otherOwner(String)
  /// The server has removed log that was written while its files were read.
  case logRemoved(segment: String)
}

extension ServerFolderError {
  /// As an error of the dump.
  func naming(_ identity: DumpIdentity) -> DumpError {
    switch self {
    case .notOfServer(let path):
      .misconfigured(
        identity,
        problem:
          "\(Quoting.terminal(path)) is not the data directory of this server: what it wrote just now is not there",
        suggestion: "Correct data_directory, or hostname and port, or leave read_files out")
    case .otherOwner(let path):
      .misconfigured(
        identity, problem: "A link in the data directory leads to \(Quoting.terminal(path)), which is not the server's",
        suggestion: "Give the folder to the server's user, or leave read_files out")
    case .logRemoved(let segment):
      .incomplete(
        identity, program: BaseBackupStream.title,
        missing:
          "the server has removed log that was written meanwhile (\(Quoting.terminal(segment))): raise wal_keep_size there"
      )
    }
  }
}
