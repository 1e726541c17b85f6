import Foundation

/// What can have the place of an object in a folder, and is none.
enum StrangeEntry: CaseIterable {
  case emptyFile, link, danglingLink, folder, filledFolder, pipe

  /// Puts it where an object may be.
  func replace(_ path: String) throws {
    let files = FileManager.default
    if self == .link, files.fileExists(atPath: path) {
      // As when somebody has moved the file to another disk.
      try files.moveItem(atPath: path, toPath: path + ".MOVED")
      return try files.createSymbolicLink(atPath: path, withDestinationPath: path + ".MOVED")
    }
    if files.fileExists(atPath: path) { try files.removeItem(atPath: path) }
    switch self {
    case .emptyFile: try Data().write(to: URL(fileURLWithPath: path))
    case .link: try files.createSymbolicLink(atPath: path, withDestinationPath: "/etc/passwd")
    case .danglingLink: try files.createSymbolicLink(atPath: path, withDestinationPath: "/nowhere")
    case .folder: try files.createDirectory(atPath: path, withIntermediateDirectories: false)
    case .filledFolder: try files.createDirectory(atPath: path + "/inside", withIntermediateDirectories: true)
    case .pipe:
      guard mkfifo(path, 0o600) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
  }
}
