import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("A process that keeps a repository elsewhere open for pushes, with the built program")
final class PushServiceTests {
  private let ground: Playground
  private static let count = 6

  init() throws {
    ground = try Playground()
    // Whoever goes to the other host is counted.
    try ground.write(
      "ssh", "echo x >>\(ground.folder)/connections\ncd \(ground.folder)/there && exec \(ground.binary) serve\n")
    try ground.write("there/.keep", "")
    try writeLogServer(ground.folder, waiting: Self.count - 1)
    for number in 0..<Self.count { try overwrite(number, with: UInt8(1 + number)) }
    try FileManager.default.removeItem(atPath: "\(ground.folder)/pg_wal/archive_status")
    try configure()
    try ground.succeed("repo-create", "--encryption", "repokey")
    try "".write(toFile: "\(ground.folder)/connections", atomically: true, encoding: .utf8)
  }

  /// What still runs ends with its folder.
  deinit {
    try? FileManager.default.removeItem(atPath: ground.folder)
    _ = waited { self.services.isEmpty }
  }

  private func configure(_ more: String = "") throws {
    try ground.write(
      "config.yaml",
      "repositories: [{path: 'ssh://here/./repository'}]\nssh_command: sh \(ground.folder)/ssh\n" + more)
  }

  private func overwrite(_ number: Int, with byte: UInt8) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path(of: number)))
    try file.seek(toOffset: 500_000)
    try file.write(contentsOf: Data([byte]))
    try file.close()
  }

  private func path(of number: Int) -> String { "\(ground.folder)/pg_wal/\(logSegment(number))" }

  private func push(_ number: Int, _ more: String...) throws -> Playground.Outcome {
    try ground.coffer(["--verbosity", "1", "wal", "push", path(of: number)] + more)
  }

  /// How often somebody has gone to the other host.
  private var connections: Int {
    (FileManager.default.contents(atPath: "\(ground.folder)/connections") ?? Data()).filter { $0 == 0x0a }.count
  }

  /// The processes that keep the repository open.
  private var services: [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { number in
      let words = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") ?? Data()
      return words.starts(with: "coffer\0--push-service\0".utf8) && words.range(of: Data(ground.folder.utf8)) != nil
    }
  }

  private func waited(_ isSo: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<600 {
      if try isSo() { return true }
      usleep(100_000)
    }
    return false
  }

  /// What is stored is what the server has.
  private func expectAll(_ numbers: ClosedRange<Int>) throws {
    for number in numbers {
      let got = "\(ground.folder)/got"
      try ground.succeed("wal", "get", logSegment(number), got)
      #expect(FileManager.default.contentsEqual(atPath: got, andPath: path(of: number)), "\(number)")
      try FileManager.default.removeItem(atPath: got)
    }
  }

  @Test("The pushes behind the first go through it, and what it stored is all there")
  func pushes() throws {
    #expect(try push(0).errors.contains("is stored"))
    #expect(waited { services.count == 1 })
    // The first one's own way, and the process's.
    #expect(waited { connections == 2 })
    for number in 1..<4 {
      let run = try push(number)
      #expect(run.status == .exited(0) && run.errors.contains("is stored"), "\(run.errors)")
    }
    #expect(try push(2).errors.contains("was stored before"))
    #expect(connections == 2 && services.count == 1)
    try expectAll(0...3)
    // Another configuration is another process's.
    try configure("# changed\n")
    #expect(try push(4).status == .exited(0))
    #expect(waited { services.count == 2 })
    #expect(try push(5, "--stay", "0").status == .exited(0))
    #expect(waited { services.count == 2 })
    try expectAll(4...5)
    // What differs in each push does not start one for each.
    for number in 0..<4 {
      ground.environment["NUMBER"] = "\(number)"
      #expect(try push(number).status == .exited(0))
      sleep(1)
    }
    #expect(services.count == 2)
    for service in services { kill(service, SIGTERM) }
    #expect(waited { services.isEmpty })
    #expect(try left().isEmpty)
  }

  /// Names of sockets.
  private func left() throws -> [String] {
    let caches = FileManager.default.enumerator(atPath: "\(ground.folder)/.cache")?.allObjects as? [String] ?? []
    return caches.filter { $0.contains("/service-") }
  }

  @Test("Segments that wait go along through it, and their pushes are told as soon as they are stored")
  func waiting() throws {
    let status = "\(ground.folder)/pg_wal/archive_status"
    try FileManager.default.createDirectory(atPath: status, withIntermediateDirectories: true)
    #expect(try push(0).status == .exited(0))
    for number in 1..<Self.count { try ground.write("pg_wal/archive_status/\(logSegment(number)).ready", "") }
    usleep(150_000)
    for number in 1..<Self.count {
      let run = try push(number)
      #expect(run.status == .exited(0), "\(run.errors)")
      try FileManager.default.removeItem(atPath: "\(status)/\(logSegment(number)).ready")
    }
    #expect(services.count == 1)
    #expect(connections == 2)
    try expectAll(0...(Self.count - 1))
  }

  @Test("Where it is killed, stopped or cannot store, the push stores its file itself, or says why not")
  func failures() throws {
    #expect(try push(0).status == .exited(0))
    #expect(waited { connections == 2 })
    for service in services { kill(service, SIGKILL) }
    #expect(waited { services.isEmpty })
    #expect(try push(1).errors.contains("is stored"))
    #expect(waited { services.count == 1 })
    #expect(waited { connections == 4 })
    let stopped = try #require(services.first)
    kill(stopped, SIGSTOP)
    #expect(try push(2).errors.contains("is stored"))
    kill(stopped, SIGKILL)
    #expect(waited { services.isEmpty })
    try expectAll(0...2)
    // What a process refuses is refused with the same words as without one.
    #expect(try push(3).status == .exited(0))
    #expect(waited { services.count == 1 })
    try overwrite(1, with: 99)
    let other = try push(1)
    #expect(other.status == .exited(1) && other.errors.contains("with other bytes"), "\(other.errors)")
    #expect(waited { services.isEmpty })
    try overwrite(1, with: 2)
    // A repository that is away.
    #expect(try push(3).status == .exited(0))
    #expect(waited { services.count == 1 })
    try FileManager.default.moveItem(atPath: "\(ground.folder)/there", toPath: "\(ground.folder)/there.away")
    for service in services { kill(service, SIGKILL) }
    let away = try push(4)
    #expect(away.status == .exited(1) && away.errors.contains("connecting to here failed"), "\(away.errors)")
    try FileManager.default.moveItem(atPath: "\(ground.folder)/there.away", toPath: "\(ground.folder)/there")
    #expect(try push(4).status == .exited(0))
    try expectAll(0...4)
  }

  @Test("A repository that was made anew at the same place gets what is pushed, sealed for its own keys")
  func anew() throws {
    #expect(try push(0).status == .exited(0))
    #expect(try push(1).status == .exited(0))
    #expect(waited { services.count == 1 })
    try FileManager.default.removeItem(atPath: "\(ground.folder)/there/repository")
    try ground.succeed("repo-create", "--encryption", "repokey")
    for number in 2..<4 {
      let run = try push(number)
      #expect(run.status == .exited(0) && run.errors.contains("is stored"), "\(run.errors)")
    }
    try expectAll(2...3)
  }

  @Test(
    "It ends when nothing has come for a while, and with its folder; it holds neither the server's folder nor its streams"
  )
  func end() throws {
    // The run has ended when its standard output has: the process does not keep it.
    #expect(try push(0, "--stay", "2").status == .exited(0))
    let service = try #require(services.first)
    #expect(waited { connections == 2 })
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(service)/cwd") == "/")
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(service)/fd").map {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(service)/fd/\($0)")) ?? ""
    }
    #expect(!open.contains { $0.hasPrefix(ground.folder) && !$0.contains("/.cache/") }, "\(open)")
    #expect(waited { services.isEmpty })
    #expect(try left().isEmpty)
    #expect(try push(1).status == .exited(0))
    #expect(waited { services.count == 1 })
    try FileManager.default.removeItem(atPath: "\(ground.folder)/.cache")
    #expect(waited { services.isEmpty })
  }

  @Test("Of two repositories at one path each has a process of its own")
  func onePath() throws {
    for name in ["one", "two"] {
      try ground.write("\(name)/ssh", "cd \(ground.folder)/\(name) && exec \(ground.binary) serve\n")
    }
    try ground.write(
      "config.yaml",
      """
      repositories:
        - {path: 'ssh://here/./repository', ssh_command: sh \(ground.folder)/one/ssh}
        - {path: 'ssh://here/./repository', ssh_command: sh \(ground.folder)/two/ssh}
      """)
    try ground.succeed("repo-create", "--encryption", "repokey")
    for number in 0..<4 {
      let run = try push(number)
      #expect(run.status == .exited(0) && run.errors.contains("is stored"), "\(run.errors)")
      for name in ["one", "two"] {
        let names = FileManager.default.enumerator(atPath: "\(ground.folder)/\(name)/repository/logs")?.allObjects
        let digits = logSegment(number).dropFirst(8).lowercased()
        #expect((names as? [String] ?? []).contains { $0.contains("/00000001-\(digits)-") }, "\(name) \(number)")
      }
    }
    #expect(waited { services.count == 2 })
  }
}
