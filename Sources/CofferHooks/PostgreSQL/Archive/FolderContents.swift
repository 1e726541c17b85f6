import CofferSystem
import Glibc

/// What a dump in pg_dump's directory format holds, by its table of contents and the files that this names
/// (pg_backup_directory.c).
struct FolderContents {
  /// What it lacks of what it has to have; nil when it is whole, as far as its format is known.
  let missing: String?
  /// The tables of which the dump has few rows, or none; nil where its table of contents is not known.
  let smallTables: Set<RelationName>?

  private static let name: EntryName = "toc.dat"
  /// What compressions add to the names of files.
  private static let endings = ["", ".gz", ".lz4", ".zst"]

  /// - Throws: `SystemError`, when the folder cannot be read.
  init(_ folder: Folder) throws(SystemError) {
    var sizes: [EntryName: UInt64] = [:]
    for name in try folder.names() {
      let facts = try folder.status(of: name)
      if facts.st_mode & S_IFMT == S_IFREG { sizes[name] = UInt64(facts.st_size) }
    }
    let bytes = sizes[Self.name] == nil ? [] : try folder.read(Self.name, limit: CustomContents.sizeLimit)
    guard bytes.starts(with: CustomArchive.magic) else {
      (missing, smallTables) = ("its table of contents is not there", nil)
      return
    }
    do throws(CustomContents.Problem) {
      let entries = try CustomContents(bytes, format: .directory).entries.filter { $0.hasData && !$0.file.isEmpty }
      let found = entries.map { (entry: $0, size: Self.size($0.file, sizes)) }
      missing = found.first { $0.size == nil }.map { lacking in
        "its file \(Quoting.terminal(EntryName(bytes: lacking.entry.file).description)) with rows of "
          + "\(Quoting.terminal(lacking.entry.relation.shown)) is not there"
      }
      smallTables = Set(
        found.filter { $0.entry.kind == "TABLE DATA" && ($0.size ?? 0) <= BlockPlacesWatch.smallSize }
          .map(\.entry.relation))
    } catch .cut {
      (missing, smallTables) = ("its table of contents is cut short", nil)
    } catch {
      // That of a newer version says nothing here.
      (missing, smallTables) = (nil, nil)
    }
  }

  private static func size(_ file: [UInt8], _ sizes: [EntryName: UInt64]) -> UInt64? {
    endings.lazy.compactMap { sizes[EntryName(bytes: file + Array($0.utf8))] }.first
  }
}
