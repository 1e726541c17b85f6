import CofferConfiguration
import CofferSystem
import Testing

@testable import CofferStorage

@Suite("Which store an address stands for")
struct StoreRegistryTests {
  private let surroundings = Surroundings(
    environment: ProcessEnvironment(["HOME": "/home/me"]), clock: .system, random: RandomSource { _ in },
    launcher: SystemProcessLauncher(), secretKeeper: KernelKeyring(), currentFolder: "/here", hostname: "here",
    username: "me", processors: 1)

  private func request(_ address: String) -> StoreRequest {
    StoreRequest(
      address: address, options: ConfigurationSection(), secret: { $0 }, surroundings: surroundings, warn: { _ in })
  }

  @Test(
    "Folders of this machine in every spelling",
    arguments: [
      ("/r", "/r"), ("/r/", "/r"), ("/", "/"), ("r", "/here/r"), ("./a:b", "/here/./a:b"), ("../r", "/here/../r"),
      ("~/r", "/home/me/r"), ("file:///r", "/r"), ("file:/r", "/r"), ("FILE:///r", "/r"), ("file://r", "/here/r"),
      ("/a:b", "/a:b"), ("a/b:c", "/here/a/b:c"), ("~me", "/here/~me"), ("/r\u{301}:x", "/r\u{301}:x"),
    ])
  func folders(address: String, folder: String) throws {
    #expect(StoreRegistry.standard.localFolder(for: request(address)) == folder)
    #expect(try StoreRegistry.standard.store(for: request(address)).location == folder)
  }

  @Test(
    "What is not known is refused, and never taken for a folder; the known spellings are told",
    arguments: [
      "s3:bucket", "S3://bucket", "https://host/r", "host:/srv/r", "a b:c", "b2:x", "\u{301}:x",
    ])
  func unknown(address: String) throws {
    let error = #expect(throws: UnknownStore(address: address, known: ["/path", "file:///path"])) {
      try StoreRegistry([LocalDirectoryKind()]).store(for: request(address))
    }
    #expect(error?.description.contains("/path, file:///path") == true)
    let folder = StoreRegistry.standard.localFolder(for: request(address))
    #expect(folder == nil)
  }

  @Test(
    "A password in an address that is not known is not shown",
    arguments: [
      ("ftp://me:SECRET@host/r", "ftp://***@host/r"), ("me:SECRET@host:r", "***@host:r"),
      ("ftp://me:SEC/RET@host/r", "ftp://***@host/r"), ("ftp://me@host/r", "ftp://me@host/r"),
    ])
  func password(address: String, shown: String) {
    let error = #expect(throws: UnknownStore.self) { try StoreRegistry.standard.store(for: request(address)) }
    #expect(error?.diagnosis.subject == "repository \(shown)")
  }

  @Test(
    "What none of the kinds that there are knows is refused with the spellings of all of them",
    arguments: ["https://host/r", "host:/srv/r", "a b:c", "b2:x", "\u{301}:x", "ftp://host/r", "s4:x"])
  func spellings(address: String) throws {
    let known = [
      "/path", "file:///path", "ssh://user@host/path", "user@host:path", "sftp://user@host/path", "rclone:remote:path",
      "s3://BUCKET/PREFIX", "s3:https://ENDPOINT/BUCKET/PREFIX",
    ]
    let error = #expect(throws: UnknownStore(address: address, known: known)) {
      try StoreRegistry.standard.store(for: request(address))
    }
    #expect(error?.description.contains(known.joined(separator: ", ")) == true)
    #expect(StoreRegistry.standard.localFolder(for: request(address)) == nil)
  }

  @Test("A kind sees what is behind its scheme, its options and credentials; the first that knows the scheme counts")
  func kinds() throws {
    struct Shelf: StoreKind {
      let schemes: [String?]
      let spellings: [String] = ["shelf:NAME"]
      let title: String

      struct Asked: Error, Equatable {
        let title: String
        let rest: String
        let label: String?
        let secret: String
      }

      func store(for request: StoreRequest) throws -> any ObjectStore {
        throw Asked(
          title: title, rest: request.address.rest, label: request.options[RepositoryEntryOptions.label],
          secret: try request.secret("reference"))
      }
    }
    let registry = StoreRegistry([
      LocalDirectoryKind(), Shelf(schemes: ["shelf", "board"], title: "one"), Shelf(schemes: ["shelf"], title: "two"),
    ])
    let request = StoreRequest(
      address: "Shelf:a/b:c", options: ConfigurationSection(), secret: { $0 + " opened" },
      surroundings: surroundings, warn: { _ in })
    #expect(throws: Shelf.Asked(title: "one", rest: "a/b:c", label: nil, secret: "reference opened")) {
      try registry.store(for: request)
    }
    #expect(throws: UnknownStore(address: "x:", known: ["/path", "file:///path", "shelf:NAME", "shelf:NAME"])) {
      try registry.store(for: self.request("x:"))
    }
  }
}
