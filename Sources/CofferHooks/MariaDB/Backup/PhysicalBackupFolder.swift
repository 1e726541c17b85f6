import CofferSystem

/// A MariaDB server's data directory that is being laid down from a physical backup, written into this piece by piece.
///
/// It appears when it is whole and prepared, or not at all.
public final class PhysicalBackupFolder: LaidServer {
  private let staged: StagedFolder
  private let writer: PhysicalBackupWriter
  private let reader: XBStreamReader

  /// Makes what is missing.
  ///
  /// - Throws: `ClusterError`; `SystemError`; `UntrustedPlace`.
  public init(_ server: ServerPlace) throws {
    staged = try StagedFolder(server, mark: PhysicalBackupDump.program)
    writer = PhysicalBackupWriter(LaidFolder(staged.folder, owner: server.owner, isDelta: false))
    reader = XBStreamReader(writer)
  }

  /// - Throws: `XBStreamError`; `ClusterError`; `SystemError`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws { try reader.write(bytes) }

  /// Makes it whole, and puts the folder at its place.
  ///
  /// - Parameters:
  ///   - isLasting: Whether it is to be on the disk.
  ///   - bring: Brings what was prepared further.
  /// - Throws: `XBStreamError`; `ClusterError`; `SystemError`; what preparing and `bring` throw.
  public func finish(
    _ preparation: PhysicalBackupPreparation, isLasting: Bool, bring: (Folder) throws -> Void = { _ in }
  ) throws {
    try reader.finish()
    guard writer.hasReport else {
      throw ClusterError.content("it does not have the list of what it is (xtrabackup_info)")
    }
    let settings = try PhysicalBackupSettings(in: staged.folder)
    try settings.check()
    try writer.replace(PhysicalBackupSettings.file, by: settings.text)
    try preparation.run(staged.folder.path)
    try bring(staged.folder)
    try staged.unmark()
    if isLasting { try staged.folder.synchronizeFileSystem() }
    try staged.publish()
  }

  /// Takes away what was laid down.
  ///
  /// - Throws: `SystemError` of the first that cannot be removed.
  public func abandon() throws { try staged.abandon() }
}

/// Puts the files of a physical backup where they belong.
final class PhysicalBackupWriter: XBStreamReceiver {
  private let folder: LaidFolder
  private var files: [[EntryName]: LaidFile] = [:]
  private(set) var hasReport = false

  /// What leads to a table's file outside of the data directory.
  private static let linkEnd = Array(".isl".utf8)

  init(_ folder: LaidFolder) {
    self.folder = folder
  }

  /// Whether a file tells where another one is.
  static func leadsOutside(_ path: [EntryName]) -> Bool {
    path.last?.bytes.suffix(linkEnd.count).elementsEqual(linkEnd) ?? false
  }

  /// Writes another file in the place of one.
  func replace(_ name: EntryName, by text: String) throws {
    try folder.remove([name])
    try folder.write(Array(text.utf8), to: [name])
  }

  func begin(_ path: [EntryName], isReplacing: Bool) throws {
    guard !Self.leadsOutside(path) else {
      throw ClusterError.outside(path.joined)
    }
    if isReplacing { try folder.remove(path) }
    files[path] = try folder.open(path)
    if PhysicalBackupReport.Part(path) == .info { hasReport = true }
  }

  func take(_ bytes: UnsafeRawBufferPointer, of path: [EntryName]) throws { try files[path]?.write(bytes) }

  func move(_ path: [EntryName], to position: UInt64) { files[path]?.move(to: position) }

  func end(_ path: [EntryName]) throws {
    try files[path]?.finish()
    files[path] = nil
  }

  func remove(_ path: [EntryName]) throws { try folder.remove(path) }

  func rename(_ path: [EntryName], to other: [EntryName]) throws { try folder.rename(path, to: other) }
}
