import CofferSystem
import Glibc

/// What of `backup-my.cnf`, which mariadb-backup leaves for whoever prepares a backup and starts a server in it, may be followed.
///
/// Its `--prepare` does what the file says, and the file is the work of whoever made the archive: an option may have a library loaded, or files
/// elsewhere written. Only what the files themselves need stays, and nothing that leads out of their folder.
struct PhysicalBackupSettings {
  static let file: EntryName = "backup-my.cnf"

  /// Each with its value, in their order.
  private let settings: [(name: String, value: String)]
  /// The setting by which the files are not, or would not be looked for, in the folder.
  let outside: String?

  private static let sizeLimit = 1 << 16
  private static let plugins = "plugin_load"
  private static let pluginFolder = "plugin_dir"
  /// Settings of the plugin by whose keys files are encrypted.
  private static let keys = "file_key_management"
  private static let dataFiles = "innodb_data_file_path"
  private static let ofServers = [
    "innodb_page_size", dataFiles, "innodb_undo_tablespaces", "innodb_log_file_size", "innodb_checksum_algorithm",
  ]

  init(_ bytes: some Collection<UInt8>) {
    var settings: [(name: String, value: String)] = []
    var outside: String?
    for line in String(decoding: bytes, as: UTF8.self).lines() {
      let parts = line.parts(by: "=", limit: 2).map(\.trimmed)
      guard parts.count == 2, parts[0].utf8.allSatisfy(Self.isOfNames) else { continue }
      let name = parts[0]
      let value = name.isSame(as: Self.pluginFolder) ? Self.unquoted(parts[1]) : parts[1]
      if name.isSame(as: Self.dataFiles), value.utf8.contains(UInt8(ascii: "/")) { outside = outside ?? line }
      guard Self.mayStay(name, value) else { continue }
      settings.append((name, value))
    }
    self.settings = settings
    self.outside = outside
  }

  /// - Throws: `ClusterError.content` where the folder has none; `SystemError`.
  init(in folder: Folder) throws {
    guard try folder.holds(Self.file) else {
      throw ClusterError.content("it does not have what its files are to be read with (\(Self.file.description))")
    }
    self.init(try folder.read(Self.file, limit: Self.sizeLimit))
  }

  private static func mayStay(_ name: String, _ value: String) -> Bool {
    if name.begins(with: "innodb_") {
      // Without a '/' there is no way out of the folder but '..'.
      return value.utf8.first != UInt8(ascii: ".") && value.utf8.allSatisfy(isOfValues)
    }
    if name.isSame(as: plugins) { return value.utf8.allSatisfy(isOfValues) }
    // It is looked at before it is used.
    if name.isSame(as: pluginFolder) { return value.utf8.allSatisfy { isOfValues($0) || $0 == UInt8(ascii: "/") } }
    return name.begins(with: keys)
  }

  /// mariadb-backup 10.11 writes `plugin_dir` with quotes.
  private static func unquoted(_ value: String) -> String {
    value.after(beginning: "\"")?.before(end: "\"") ?? value
  }

  private static func isOfNames(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
    default: false
    }
  }

  private static func isOfValues(_ byte: UInt8) -> Bool {
    isOfNames(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "-.:;=".utf8.contains(byte)
  }

  /// The file as it may be followed.
  var text: String { "[mysqld]\n" + settings.map { "\($0.name)=\($0.value)\n" }.joined() }

  /// What a server needs of it to start in the files.
  var serverArguments: [String] {
    settings.filter { setting in Self.ofServers.contains { setting.name.isSame(as: $0) } }.map {
      "--\($0.name)=\($0.value)"
    }
  }

  /// - Throws: `ClusterError.content` where the files would be written outside of the folder, or a library be loaded that did not come with
  ///   the system.
  func check() throws(ClusterError) {
    if let outside {
      throw .content("its \(Self.file.description) leads out of the folder: \(Quoting.terminal(outside))")
    }
    guard settings.contains(where: { $0.name.isSame(as: Self.plugins) }) else { return }
    let folders = settings.filter { $0.name.isSame(as: Self.pluginFolder) }.map(\.value)
    guard !folders.isEmpty, folders.allSatisfy(Self.isOfTheSystem) else {
      throw .content(
        "its \(Self.file.description) has a program's library loaded from a folder that is not root's alone: "
          + Quoting.terminal(folders.joined(separator: ", ")))
    }
  }

  /// Whether a folder, named without a link on the way, can be written in by root alone.
  private static func isOfTheSystem(_ path: String) -> Bool {
    let end = path.utf8.lastIndex { $0 != UInt8(ascii: "/") }
    let path = String(end.map { path[...$0] } ?? "/")
    guard path.utf8.first == UInt8(ascii: "/"), let real = realpath(path, nil) else { return false }
    defer { free(real) }
    var facts = stat()
    return String(cString: real).isSame(as: path) && lstat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
      && facts.st_uid == 0 && facts.st_mode & 0o022 == 0
  }
}
