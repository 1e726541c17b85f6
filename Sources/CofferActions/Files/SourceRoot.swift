import CofferRepository
import CofferSystem
import Glibc

/// A file or folder that a backup begins at.
struct SourceRoot: Equatable {
  /// From the root of the file system on.
  let path: [UInt8]
  /// Where it will be in the archive; empty for a folder whose content stands at the archive's top.
  let archivePath: [UInt8]

  var text: String { String(decoding: path, as: UTF8.self) }

  /// The roots that a line of the configuration names.
  ///
  /// A path from the root on is kept as a whole. Of one from the working folder on, that part is kept, and of one with
  /// `/./` in it, what comes after. Wildcards stand for what there is, or for themselves when there is nothing.
  ///
  /// - Parameters:
  ///   - folder: What relative paths start from; absolute.
  ///   - home: The folder that `~` stands for.
  static func find(_ text: String, from folder: String, home: String?) -> [SourceRoot] {
    let path = expandingHome(text, home)
    // Every wildcard stands for one part, so this many parts at the end of what is found are to be kept.
    let count = parts(Array((path.parts(by: "/./", limit: 2).last ?? "").utf8)).count
    return matches(of: path.begins(with: "/") ? path : "\(folder)/\(path)").map { match in
      let parts = parts(match)
      return SourceRoot(path: [slash] + joined(parts), archivePath: joined(withoutParents(parts.suffix(count))))
    }
  }

  private static let slash = UInt8(ascii: "/")

  private static func parts(_ path: [UInt8]) -> [ArraySlice<UInt8>] {
    path.split(separator: slash).filter { !$0.elementsEqual(".".utf8) }
  }

  private static func joined(_ parts: [ArraySlice<UInt8>]) -> [UInt8] {
    Array(parts.joined(separator: [slash]))
  }

  /// Takes each `..` back together with the part before it, or alone at the beginning.
  private static func withoutParents(_ parts: ArraySlice<ArraySlice<UInt8>>) -> [ArraySlice<UInt8>] {
    var result: [ArraySlice<UInt8>] = []
    for part in parts {
      if part.elementsEqual("..".utf8) { _ = result.popLast() } else { result.append(part) }
    }
    return result
  }

  private static func expandingHome(_ path: String, _ home: String?) -> String {
    guard let rest = path.after(beginning: "~") else { return path }
    let parts = rest.parts(by: "/", limit: 2)
    let folder = parts[0].isEmpty ? home : getpwnam(parts[0]).map { String(cString: $0.pointee.pw_dir) }
    return folder.map { parts.count > 1 ? "\($0)/\(parts[1])" : $0 } ?? path
  }

  private static func matches(of path: String) -> [[UInt8]] {
    guard path.utf8.contains(where: { "*?[".utf8.contains($0) }) else { return [Array(path.utf8)] }
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(path, GLOB_NOESCAPE, nil, &found) == 0 else { return [Array(path.utf8)] }
    return (0..<Int(found.gl_pathc)).compactMap { number in
      found.gl_pathv[number].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
  }
}
