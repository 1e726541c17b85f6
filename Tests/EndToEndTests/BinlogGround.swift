import CofferSystem
import Foundation
import TestSupport
import Testing

/// A server of MariaDB of the test's own, and the built program that receives its binary log.
final class BinlogGround: ReceiverGround {
  let ground: Playground
  let server: OwnMariaDBServer

  init(_ settings: [String] = []) throws {
    ground = try Playground()
    server = try OwnMariaDBServer(settings)
    try ground.configure("mariadb_servers:\n" + server.entry())
    try ground.coffer("repo-create", "-e", "repokey")
    try server.sql("CREATE DATABASE shop; CREATE TABLE shop.ledger (n int PRIMARY KEY, x varchar(2000))")
  }

  /// Makes a second repository, and has both store what comes.
  ///
  /// - Parameter isFirst: Whether the second one is put to before the first.
  /// - Returns: Its path.
  func addRepository(isFirst: Bool = false) throws -> String {
    let second = "\(ground.folder)/second"
    let paths = isFirst ? [second, ground.repository] : [ground.repository, second]
    try ground.write(
      "config.yaml",
      "repositories:\n" + paths.map { "  - path: \($0)\n" }.joined() + "mariadb_servers:\n" + server.entry())
    try ground.succeed("repo-create", "--repository", second, "-e", "repokey")
    return second
  }

  /// A receiver that goes on until it is stopped.
  func receive(_ more: String...) throws -> ChildProcess {
    try SystemProcessLauncher().launch(
      ChildCommand(
        ground.binary, ["--config", "\(ground.folder)/config.yaml", "binlog", "receive"] + more,
        environment: ProcessEnvironment(ground.environment), workingDirectory: ground.folder))
  }

  typealias Reach = (file: String, position: Int, history: Int)

  /// How far the log of the newest history is stored in the first repository.
  func reach() throws -> Reach? { try reaches().first ?? nil }

  /// The same of each repository that answers.
  func reaches(_ more: [String] = []) throws -> [Reach?] {
    try ground.coffer(["binlog", "list", "--json"] + more).json.map { repository in
      let logs = repository["logs"] as? [[String: Any]]
      guard let log = logs?.last, let end = log["end"] as? [String: Any], let file = end["file"] as? String,
        let position = end["position"] as? Int, let history = log["history"] as? Int
      else { return nil }
      return (file, position, history)
    }
  }

  /// Waits until all is stored in every repository, or in one, that the server has written.
  func waitUntilStored(_ child: ChildProcess, in history: Int = 1, by repository: String? = nil) throws {
    let rows = try server.sql("SHOW MASTER STATUS").split(separator: "\t")
    let goal = (String(rows[0]), try #require(Int(rows[1])))
    let deadline = Date().addingTimeInterval(180)
    while true {
      let reaches = try reaches(repository.map { ["--repository", $0] } ?? [])
      let isStored = reaches.allSatisfy { reach in
        reach.map { $0.history == history && ($0.file, $0.position) >= goal } ?? false
      }
      if isStored, !reaches.isEmpty { return }
      try #require(Date() < deadline && child.wait(seconds: 0) == nil, "\(goal): \(child.lastErrorLines)")
      usleep(200_000)
    }
  }

  /// Files of the log as they are given back, by their names.
  func files(_ more: String...) throws -> [String: [UInt8]] {
    let folder = "\(ground.folder)/got-\(UInt32.random(in: 0 ... .max))"
    let got = try ground.coffer(["binlog", "get"] + more + [folder])
    try #require(got.status == .exited(0), "\(got.errors)")
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      files[name] = [UInt8](FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data())
    }
    return files
  }

  /// What the server has in its files, with the mark and the checksum of their first event taken away, which say that a file is in use.
  static func unmarked(_ files: [String: [UInt8]]) -> [String: [UInt8]] {
    files.mapValues { file in
      guard file.count > 21 + 4 else { return file }
      var file = file
      let size = Int(file[13]) | Int(file[14]) << 8
      file[21] &= 0xfe
      for place in 0..<4 where size + place < file.count { file[size + place] = 0 }
      return file
    }
  }

  func expectSame(
    _ own: [String: [UInt8]], _ theirs: [String: [UInt8]], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let (own, theirs) = (Self.unmarked(own), Self.unmarked(theirs))
    #expect(own.keys.sorted() == theirs.keys.sorted(), sourceLocation: sourceLocation)
    for (name, bytes) in theirs {
      #expect(
        own[name] == bytes, "\(name): \(own[name]?.count ?? -1) of \(bytes.count)", sourceLocation: sourceLocation)
    }
  }
}
