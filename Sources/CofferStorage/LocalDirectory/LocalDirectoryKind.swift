import CofferSystem

/// Folders of this machine: `/path`, `file:///path`, `~/path`, and paths that start from the current folder.
struct LocalDirectoryKind: StoreKind {
  let schemes: [String?] = [nil, "file"]
  let spellings = ["/path", "file:///path"]

  func store(for request: StoreRequest) -> any ObjectStore {
    LocalDirectoryStore(root: Self.folder(for: request), warn: request.warn)
  }

  func localFolder(for request: StoreRequest) -> String? { Self.folder(for: request) }

  private static func folder(for request: StoreRequest) -> String {
    let rest = request.address.rest
    let path = request.address.scheme == nil ? rest : rest.after(beginning: "//") ?? rest
    let surroundings = request.surroundings
    if let below = path.after(beginning: "~"), below.begins(with: "/") { return surroundings.environment.home + below }
    let absolute = path.begins(with: "/") ? path : surroundings.currentFolder + "/" + path
    return absolute.utf8.count > 1 ? absolute.before(end: "/") ?? absolute : absolute
  }
}
