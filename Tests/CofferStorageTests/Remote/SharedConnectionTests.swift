import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Channels of one connection through ssh, and a real sshd", .timeLimit(.minutes(2)))
struct SharedConnectionTests {
  /// Short: paths of sockets are.
  private let folder = "/tmp/coffer-shared-\(UInt32.random(in: 0 ... .max))"

  private func cleanUp() { try? FileManager.default.removeItem(atPath: folder) }

  private func server(_ more: String = "") throws -> TestSupport.SSHServer {
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return try TestSupport.SSHServer(in: folder, settings: more)
  }

  private func sockets(cache: String? = nil, clock: Clock = .system, host: String = "here") -> SSHSockets {
    SSHSockets(
      Surroundings(
        environment: ProcessEnvironment(["XDG_CACHE_HOME": cache ?? folder]), clock: clock,
        random: RandomSource { _ in }, launcher: SystemProcessLauncher(), secretKeeper: KernelKeyring(),
        currentFolder: "/", hostname: host,
        username: "me", processors: 1))
  }

  private func link(_ server: TestSupport.SSHServer, _ options: String = "") throws -> RemoteLink {
    signal(SIGPIPE, SIG_IGN)
    let words = (["ssh"] + (try server.key("client"))).joined(separator: " ") + options
    let ssh = SSHCommand(
      CommandWords(words),
      try SSHAddress(StoreAddress("sftp://\(server.login)/x"), scheme: "sftp"), .subsystem("sftp"),
      environment: .current())
    let sockets = sockets()
    return RemoteLink(
      { (cancellation) throws(RemoteError) in try ssh.start(SystemProcessLauncher(), sockets, cancellation) },
      speak: { (channel) throws(RemoteError) in
        try FrameConnection(
          channel, greeting: SFTPLink.greeting, limits: FrameConnection.Limits(payload: SFTPLink.payloadLimit),
          rules: SFTPServers.rules, clock: .system)
      })
  }

  /// A socket at a path, bound.
  private func socket(at path: String) throws -> Int32 {
    let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let outcome = LocalSocket.withAddress(Array(path.utf8)) { bind(number, $0, $1) }
    try #require(number >= 0 && outcome == 0)
    return number
  }

  @Test("A socket of this machine at which nobody has listened for long is gone when the next is made, and no other")
  func deserted() throws {
    defer { cleanUp() }
    let first = try #require(sockets().newPath())
    let place = String(first.dropLast(first.split(separator: "/").last?.count ?? 0))
    // The folder may be shared, and another machine's sockets look as if nobody listened.
    func name(_ host: String) throws -> String {
      String(try #require(sockets(host: host).newPath()?.split(separator: "/").last))
    }
    let (killed, listening, other) = (try name("here"), try name("here"), try name("there"))
    for name in [killed, listening, other] {
      let number = try socket(at: place + name)
      if name == listening { try #require(listen(number, 1) == 0) } else { close(number) }
    }
    try Data([1]).write(to: URL(fileURLWithPath: place + "file"))
    _ = try #require(sockets().newPath())
    #expect(names.sorted() == ["file", killed, listening, other].sorted())
    let later = Clock(now: { Date().addingTimeInterval(3600) }, steadySeconds: Clock.system.steadySeconds)
    _ = try #require(sockets(clock: later).newPath())
    #expect(names.sorted() == ["file", listening, other].sorted())
  }

  /// Connections to a port of this machine that stand now.
  private func connections(to port: Int) throws -> Int {
    let number = String(format: "%04X", port)
    // Foundation takes what the first read gives of a file that says it is empty.
    let table = try #require(fopen("/proc/self/net/tcp", "r"))
    defer { fclose(table) }
    var line: UnsafeMutablePointer<CChar>?
    var room = 0
    defer { free(line) }
    var count = 0
    while getline(&line, &room, table) >= 0 {
      let parts = String(cString: try #require(line)).split(separator: " ")
      if parts.count > 3, parts[2].hasSuffix(":\(number)"), parts[3] == "01" { count += 1 }
    }
    return count
  }

  private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/coffer/ssh")) ?? [] }

  private static let large = 40 << 20

  @Test("A second channel goes by the first one's connection, and what ssh listens at is gone in the end")
  func shared() throws {
    defer { cleanUp() }
    let server = try server()
    do {
      let link = try link(server)
      let first = try link.take(for: Self.large, nil)
      #expect(try first.greeting(nil).type == SFTPReply.version)
      let second = try link.take(for: Self.large, nil)
      #expect(second !== first)
      #expect(try second.greeting(nil).type == SFTPReply.version)
      #expect(try connections(to: server.port) == 1)
      #expect(names.count == 1)
    }
    // Connections are closed by threads of their own.
    while !names.isEmpty { usleep(10_000) }
  }

  @Test("A host that lets a connection have one channel gets no other connection for the second one")
  func refused() throws {
    defer { cleanUp() }
    let server = try server("MaxSessions 1")
    let link = try link(server)
    let first = try link.take(for: Self.large, nil)
    #expect(try first.greeting(nil).type == SFTPReply.version)
    let second = try link.take(for: Self.large, nil)
    #expect(second !== first)
    #expect(throws: RemoteError.self) { try second.greeting(nil) }
    #expect(link.hasBetter(than: second))
    #expect(try link.take(for: Self.large, nil) === first)
    #expect(try connections(to: server.port) == 1)
  }

  @Test("With the connection the channel beside it ends")
  func cut() throws {
    defer { cleanUp() }
    let server = try server()
    let link = try link(server)
    let first = try link.take(for: Self.large, nil)
    _ = try first.greeting(nil)
    let second = try link.take(for: Self.large, nil)
    _ = try second.greeting(nil)
    first.close()
    while second.failure == nil { usleep(10_000) }
    #expect(second.failure?.kind == .transient)
    while try connections(to: server.port) > 0 { usleep(10_000) }
  }

  @Test("What a user has set up for shared connections counts")
  func ownSettings() throws {
    defer { cleanUp() }
    let server = try server()
    let link = try link(server, " -o ControlMaster=auto -o ControlPath=none")
    let first = try link.take(for: Self.large, nil)
    _ = try first.greeting(nil)
    #expect(try link.take(for: Self.large, nil) === first)
    #expect(names.isEmpty)
    #expect(try connections(to: server.port) == 1)
  }

  @Test("Where there can be no socket the connection is made all the same, and carries one channel")
  func nowhere() throws {
    defer { cleanUp() }
    let server = try server()
    #expect(sockets().newPath() != nil && names.isEmpty)
    let place = "\(folder)/coffer/ssh"
    func succeeds(_ words: String...) throws -> Bool {
      try SystemProcessLauncher().run(ChildCommand(words[0], Array(words.dropFirst()), environment: .current())).status
        .isSuccess
    }
    // Root writes where nobody may, unless the file system is read-only.
    let isRoot = geteuid() == 0
    guard isRoot ? try succeeds("mount", "-o", "bind,ro", place, place) : chmod(place, 0o500) == 0 else { return }
    defer { if isRoot { _ = try? succeeds("umount", "-l", place) } else { chmod(place, 0o700) } }
    #expect(sockets().newPath() == nil)
    let link = try link(server)
    let first = try link.take(for: Self.large, nil)
    #expect(try first.greeting(nil).type == SFTPReply.version)
    #expect(try link.take(for: Self.large, nil) === first)
  }

  @Test("Where ssh has not listened, nothing is started to ask it for a channel")
  func unheard() throws {
    defer { cleanUp() }
    let server = try server()
    // It says so to nobody: 'ssh -G' has no line for it.
    let link = try link(server, " -S none")
    let first = try link.take(for: Self.large, nil)
    _ = try first.greeting(nil)
    #expect(try link.take(for: Self.large, nil) === first)
    #expect(names.isEmpty)
  }

  @Test("ssh listens only where nobody else can come, and at a path that it takes as it is")
  func places() throws {
    defer { cleanUp() }
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let (one, two) = (sockets().newPath(), sockets().newPath())
    #expect(one != nil && two != nil && one != two)
    for name in ["with space", "with%h", "with$HOME", String(repeating: "long", count: 20)] {
      #expect(sockets(cache: "\(folder)/\(name)").newPath() == nil)
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/coffer/ssh")
    #expect(sockets().newPath() == nil)
  }
}
