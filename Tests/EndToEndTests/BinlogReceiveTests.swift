import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("A MariaDB server's binary log, received by the built program", .serialized)
struct BinlogReceiveTests {
  @Test("Wherever receiver and server are killed, what comes back is what the server has, byte for byte")
  func kills() throws {
    let ground = try BinlogGround(["--max-binlog-size=65536"])
    let server = HandedOver(ground.server)
    var receiver = try ground.receive()
    let (isOver, acknowledged) = (Monitor(false), Monitor(0))
    let load = try TestThread("load") {
      var number = 0
      while !isOver.update({ $0 }) {
        number += 1
        let row = "INSERT INTO shop.ledger VALUES (\(number), repeat('x', \(number % 2000)))"
        if (try? server.value.sql(row)) != nil { acknowledged.update { $0 += 1 } } else { usleep(50_000) }
      }
    }
    for turn in 1...6 {
      usleep(.random(in: 300_000...2_500_000))
      if turn == 3 {
        ground.server.crash()
        try ground.server.start()
      } else {
        ground.crash(receiver)
        receiver = try ground.receive()
      }
    }
    let before = acknowledged.update { $0 }
    acknowledged.wait(until: { $0 > before + 20 }) { _ in }
    isOver.update { $0 = true }
    try load.end()
    // Files that are short come faster than anybody turns to them.
    try ground.server.sql(
      String(repeating: "FLUSH BINARY LOGS; ", count: 10) + "INSERT INTO shop.ledger VALUES (-1, 'last')")
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    let theirs = try ground.server.binaryLog()
    #expect(theirs.count > 10)
    // It begins with the file that was the newest then: the first.
    ground.expectSame(try ground.files(), theirs)
    // Small objects are joined, and the receiver goes on behind them.
    try ground.ground.coffer("compact")
    ground.expectSame(try ground.files(), theirs)
    receiver = try ground.receive()
    try ground.server.sql("INSERT INTO shop.ledger VALUES (-2, 'behind')")
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    ground.expectSame(
      try ground.files("--from", "binlog.000002"), try ground.server.binaryLog().filter { $0.key > "binlog.000001" })
    #expect(try ground.reach()?.history == 1)
  }

  @Test("A server that is started anew, and a repository that is away for a while, are waited for")
  func away() throws {
    let ground = try BinlogGround(["--binlog-format=ROW"])
    let receiver = try ground.receive()
    try ground.waitUntilStored(receiver)
    ground.server.stop()
    try ground.server.start()
    try ground.server.sql("INSERT INTO shop.ledger VALUES (1, 'again')")
    try ground.waitUntilStored(receiver)
    try ground.takeLogsAway(from: ground.ground.repository)
    for turn in 0..<5 {
      try ground.server.sql(
        "INSERT INTO ledger SELECT 10 + seq, repeat(md5(seq), 60) FROM seq_\(turn * 10000)_to_\(turn * 10000 + 9999)",
        in: "shop")
    }
    let deadline = Date().addingTimeInterval(90)
    // What can wait in memory waits there, and the rest at the server.
    for text in ["cannot be stored just now", "No more of the binary log is read"] {
      while !receiver.lastErrorLines.contains(where: { $0.contains(text) }) {
        try #require(Date() < deadline, "\(receiver.lastErrorLines)")
        usleep(50_000)
      }
    }
    try ground.bringLogsBack(to: ground.ground.repository)
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    ground.expectSame(try ground.files(), try ground.server.binaryLog())
  }

  @Test("What the server has deleted, or has begun anew, is said at once, and left out only on demand")
  func gaps() throws {
    let ground = try BinlogGround()
    var receiver = try ground.receive()
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    try ground.server.sql(
      "FLUSH BINARY LOGS; FLUSH BINARY LOGS; INSERT INTO shop.ledger VALUES (1, 'x'); PURGE BINARY LOGS TO 'binlog.000003'"
    )
    let purged = try ground.ground.coffer("binlog", "receive")
    #expect(purged.status == .exited(1))
    #expect(
      purged.errors.contains("has deleted binary log that is not stored") && purged.errors.contains("--leave-gap"),
      "\(purged.errors)")
    receiver = try ground.receive("--leave-gap")
    try ground.waitUntilStored(receiver, in: 2)
    try ground.stop(receiver)
    ground.expectSame(try ground.files(), try ground.server.binaryLog())
    // Begun anew, and shorter than what is stored, then longer.
    try ground.server.sql("RESET MASTER")
    let reset = try ground.ground.coffer("binlog", "receive")
    #expect(reset.status == .exited(1) && reset.errors.contains("is not the one that is stored"), "\(reset.errors)")
    receiver = try ground.receive("--leave-gap")
    try ground.server.sql("INSERT INTO shop.ledger VALUES (2, 'y')")
    try ground.waitUntilStored(receiver, in: 3)
    try ground.stop(receiver)
    sleep(1)
    try ground.server.sql("RESET MASTER; INSERT INTO shop.ledger VALUES (3, repeat('y', 1900)), (4, repeat('z', 1900))")
    let longer = try ground.ground.coffer("binlog", "receive")
    #expect(
      longer.status == .exited(1) && longer.errors.contains("what the server has in binlog.000001"), "\(longer.errors)")
    receiver = try ground.receive("--leave-gap")
    try ground.waitUntilStored(receiver, in: 4)
    try ground.stop(receiver)
    ground.expectSame(try ground.files(), try ground.server.binaryLog())
    ground.expectSame(
      try ground.files("--history", "2").filter { $0.key == "binlog.000003" }.mapValues { Array($0.prefix(4)) },
      ["binlog.000003": [0xfe, 0x62, 0x69, 0x6e]])
    #expect(try ground.ground.coffer("binlog", "list").output.contains("History:"))
    // The file behind the last one that is stored, of another log: however often it is tried, nothing of it is stored.
    receiver = try ground.receive()
    try ground.waitUntilStored(receiver, in: 4)
    try ground.server.sql("FLUSH BINARY LOGS")
    let size = try #require(try ground.server.binaryLog()["binlog.000001"]).count
    let deadline = Date().addingTimeInterval(60)
    while try ground.reach()?.position != size { try #require(Date() < deadline, "\(receiver.lastErrorLines)") }
    ground.crash(receiver)
    try #require(try ground.reach()?.file == "binlog.000001")
    try ground.server.sql("RESET MASTER")
    for number in 5...7 { try ground.server.sql("INSERT INTO shop.ledger VALUES (\(number), 'v')") }
    try ground.server.sql("FLUSH BINARY LOGS")
    // A file that is still being sent stays; that nobody reads it any more is seen when the next event is written.
    while try ground.server.binaryLog()["binlog.000001"] != nil {
      try #require(Date() < deadline)
      try ground.server.sql("REPLACE INTO shop.ledger VALUES (8, 'v'); PURGE BINARY LOGS TO 'binlog.000002'")
    }
    for _ in 1...2 {
      let other = try ground.ground.coffer("binlog", "receive")
      #expect(other.status == .exited(1) && other.errors.contains("is not the one that is stored"), "\(other.errors)")
      #expect(try ground.reach()?.file == "binlog.000001")
    }
  }

  @Test("Of two repositories each has all, although one was away when the receiver was killed")
  func several() throws {
    let ground = try BinlogGround()
    let second = try ground.addRepository()
    var receiver = try ground.receive()
    try ground.waitUntilStored(receiver)
    for turn in 1...3 {
      try ground.takeLogsAway(from: second)
      let before = try ground.reach()?.position ?? 0
      let deadline = Date().addingTimeInterval(60)
      while try ground.reach()?.position == before {
        try ground.server.sql("REPLACE INTO shop.ledger VALUES (\(turn), 'x')")
        try #require(Date() < deadline, "\(receiver.lastErrorLines)")
        usleep(200_000)
      }
      ground.crash(receiver)
      try ground.bringLogsBack(to: second)
      receiver = try ground.receive()
      try ground.server.sql("REPLACE INTO shop.ledger VALUES (\(turn), 'y')")
      try ground.waitUntilStored(receiver)
    }
    try ground.stop(receiver)
    for repository in [ground.ground.repository, second] {
      ground.expectSame(try ground.files("--repository", repository), try ground.server.binaryLog())
    }
  }

  @Test("One of two repositories that is away when the receiver starts joins the other when it answers, with all")
  func awayAtStart() throws {
    let ground = try BinlogGround()
    let (folder, second) = (ground.ground.folder, "ssh://here/./second")
    try ground.ground.write("ssh", ground.wayToHost(in: folder, ground.ground.binary))
    try ground.ground.write(
      "config.yaml",
      "repositories: [{path: '\(second)'}, {path: \(ground.ground.repository)}]\nssh_command: sh \(folder)/ssh\n"
        + "mariadb_servers:\n" + ground.server.entry())
    try ground.ground.write("up", "")
    try ground.ground.succeed("repo-create", "--repository", second, "-e", "repokey")
    var receiver = try ground.receive()
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    try FileManager.default.removeItem(atPath: "\(folder)/up")
    receiver = try ground.receive()
    for row in 1...2 {
      try ground.server.sql("INSERT INTO shop.ledger VALUES (\(row), 'x'); FLUSH BINARY LOGS")
      try ground.waitUntilStored(receiver, by: ground.ground.repository)
    }
    try ground.ground.write("up", "")
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    for repository in [ground.ground.repository, second] {
      ground.expectSame(try ground.files("--repository", repository), try ground.server.binaryLog())
    }
  }

  @Test("One of two repositories that is away for long keeps the log from no other, and has all when it is back")
  func oneAway() throws {
    let ground = try BinlogGround(["--binlog-format=ROW", "--max-binlog-size=16777216"])
    // The one that is away is the first that is put to.
    let second = try ground.addRepository(isFirst: true)
    var receiver = try ground.receive()
    try ground.waitUntilStored(receiver)
    for turn in 1...2 {
      try ground.takeLogsAway(from: second)
      // One row after the other, and then much; the second time more than waits in memory.
      for row in 1...3 {
        try ground.server.sql("REPLACE INTO shop.ledger VALUES (\(row), repeat('x', \(turn)))")
        try ground.waitUntilStored(receiver, by: ground.ground.repository)
      }
      for load in 1...turn {
        try ground.server.sql(
          "REPLACE INTO ledger SELECT seq, repeat(md5(seq + \(turn)), 60) FROM seq_\(load * 20000)_to_\(load * 20000 + 19999)",
          in: "shop")
      }
      try ground.waitUntilStored(receiver, by: ground.ground.repository)
      try ground.server.sql("REPLACE INTO shop.ledger VALUES (4, repeat('y', \(turn)))")
      try ground.waitUntilStored(receiver, by: ground.ground.repository)
      let said = receiver.lastErrorLines
      #expect(said.contains { $0.contains("The other repositories go on") }, "\(said)")
      // A server that is started anew meanwhile changes nothing about it.
      if turn == 2 {
        ground.server.stop()
        try ground.server.start()
        try ground.server.sql("REPLACE INTO shop.ledger VALUES (5, repeat('z', \(turn)))")
        try ground.waitUntilStored(receiver, by: ground.ground.repository)
      }
      if turn == 1 { ground.crash(receiver) }
      try ground.bringLogsBack(to: second)
      if turn == 1 { receiver = try ground.receive() }
      try ground.waitUntilStored(receiver)
    }
    let deadline = Date().addingTimeInterval(60)
    while !receiver.lastErrorLines.contains(where: { $0.contains("It has all of the log again") }) {
      try #require(Date() < deadline, "\(receiver.lastErrorLines)")
      try ground.server.sql("REPLACE INTO shop.ledger VALUES (6, repeat('z', 6))")
      usleep(500_000)
    }
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    for repository in [ground.ground.repository, second] {
      ground.expectSame(try ground.files("--repository", repository), try ground.server.binaryLog())
    }
  }

  @Test("The program that receives may end at any time, and a server that cannot be received from says why")
  func failures() throws {
    let ground = try BinlogGround()
    let receiver = try ground.receive()
    try ground.waitUntilStored(receiver)
    try ground.server.sql(
      "KILL (SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%' LIMIT 1)"
        .replacingOccurrences(of: "KILL (", with: "SET @k = (") + "; EXECUTE IMMEDIATE CONCAT('KILL ', @k)")
    try ground.server.sql("INSERT INTO shop.ledger VALUES (1, 'x')")
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    try ground.server.sql(
      "CREATE USER plain@localhost; CREATE USER half@localhost; GRANT BINLOG MONITOR ON *.* TO half@localhost")
    for (user, text) in [
      ("plain", "GRANT BINLOG MONITOR"), ("half", "GRANT REPLICATION SLAVE"), ("nobody", "Access denied"),
    ] {
      try ground.ground.configure(
        "mariadb_servers:\n"
          + ground.server.entry().replacingOccurrences(of: "username: root", with: "username: \(user)"))
      let failed = try ground.ground.coffer("binlog", "receive")
      #expect(failed.status == .exited(1) && failed.errors.contains(text), "\(user): \(failed.errors)")
    }
    let other = try OwnMariaDBServer(["--skip-log-bin"])
    try ground.ground.configure("mariadb_servers:\n" + other.entry())
    let off = try ground.ground.coffer("binlog", "receive")
    #expect(off.status == .exited(1) && off.errors.contains("log_bin is off"), "\(off.errors)")
  }

  @Test("An encrypted log comes decrypted, and a transaction that is larger than a slice is whole")
  func encrypted() throws {
    let keys = NSTemporaryDirectory() + "keys-\(UInt32.random(in: 0 ... .max))"
    try "1;\(String(repeating: "a7", count: 32))\n".write(toFile: keys, atomically: true, encoding: .utf8)
    chmod(keys, 0o644)
    defer { try? FileManager.default.removeItem(atPath: keys) }
    let ground = try BinlogGround([
      "--plugin-load-add=file_key_management", "--file-key-management-filename=\(keys)", "--encrypt-binlog=ON",
      "--binlog-format=ROW",
    ])
    let receiver = try ground.receive()
    try ground.waitUntilStored(receiver)
    try ground.server.sql("INSERT INTO ledger SELECT seq, repeat(md5(seq), 60) FROM seq_1_to_20000", in: "shop")
    try ground.waitUntilStored(receiver)
    try ground.stop(receiver)
    let files = try ground.files()
    #expect(files["binlog.000001"].map { $0.count > 36_000_000 } == true)
    let path = "\(ground.ground.folder)/binlog.000001"
    try Data(files["binlog.000001"] ?? []).write(to: URL(fileURLWithPath: path))
    let text = try ground.ground.run(
      "sh", "-c",
      "mariadb-binlog --no-defaults --verify-binlog-checksum -v --base64-output=decode-rows \"$0\" | grep -c '^### INSERT INTO'",
      path)
    #expect(text.trimmingCharacters(in: .whitespacesAndNewlines) == "20000")
  }

  @Test("Of MySQL the programs are called as its version 8 wants it, and its server_uuid says whose log it is")
  func mysql() throws {
    let ground = try Playground()
    var file = BinaryLogBuilder()
    file.add(2, Array("INSERT".utf8))
    try Data(file.bytes).write(to: URL(fileURLWithPath: "\(ground.folder)/log"))
    try ground.write(
      "mysql",
      """
      #!/bin/sh
      case "$*" in
        *--version*) echo 'mysql  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)' ;;
        *'SHOW VARIABLES'*) printf 'log_bin\\tON\\nserver_uuid\\t%s\\n' "$(cat '\(ground.folder)/uuid')" ;;
        *'SHOW BINARY LOGS'*) printf 'binlog.000003\\t\(file.bytes.count)\\tNo\\n' ;;
        *) exit 1 ;;
      esac
      """)
    try ground.write("uuid", "3e11fa47-71ca-11e1-9e33-c80aa9429562")
    try ground.write(
      "mysqlbinlog",
      """
      #!/bin/sh
      printf '%s\\n' "$@" >'\(ground.folder)/arguments'
      for argument; do
        case $argument in
          --result-file=*) prefix=${argument#--result-file=} ;;
          *) name=$argument ;;
        esac
      done
      # As the real program does with a name that a server has made up.
      (echo evil >"$prefix../../evil") 2>/dev/null
      cat '\(ground.folder)/log' >"$prefix$name"
      exec sleep 600
      """)
    for program in ["mysql", "mysqlbinlog"] { chmod("\(ground.folder)/\(program)", 0o755) }
    try ground.configure(
      """
      mysql_servers:
        - name: main
          hostname: db9.example.org
          port: 3307
          username: coffer
          password: secret word
          tls: true
          tls_verify: true
          mysql_command: \(ground.folder)/mysql
          mysql_binlog_command: \(ground.folder)/mysqlbinlog
          server_id: 4001
      """)
    try ground.succeed("repo-create", "-e", "repokey")
    let receiver = try ground.start("binlog", "receive")
    let deadline = Date().addingTimeInterval(60)
    var log: [String: Any]?
    while log == nil {
      try #require(Date() < deadline && receiver.wait(seconds: 0) == nil, "\(receiver.lastErrorLines)")
      log = (try ground.coffer("binlog", "list", "--json").json.first?["logs"] as? [[String: Any]])?.first
      usleep(200_000)
    }
    kill(receiver.identifier, SIGTERM)
    #expect(receiver.wait(seconds: 60) == .exited(0))
    #expect(
      log?["identity"] as? String == "3e11fa47-71ca-11e1-9e33-c80aa9429562" && log?["system"] as? String == "mysql")
    #expect(log?["hostname"] as? String == "db9.example.org")
    let end = log?["end"] as? [String: Any]
    #expect(end?["file"] as? String == "binlog.000003" && end?["position"] as? Int == file.bytes.count)
    let arguments = try String(contentsOfFile: "\(ground.folder)/arguments", encoding: .utf8).split(separator: "\n")
      .map { $0.hasPrefix("--result-file=") ? "--result-file=FOLDER" : String($0) }
    #expect(
      arguments == [
        "--defaults-extra-file=/dev/fd/3", "--host", "db9.example.org", "--port", "3307", "--protocol", "tcp",
        "--ssl-mode=VERIFY_IDENTITY", "--read-from-remote-server", "--raw", "--stop-never",
        "--connection-server-id=4001",
        "--start-position=4", "--result-file=FOLDER", "--", "binlog.000003",
      ])
    let written = try FileManager.default.subpathsOfDirectory(atPath: ground.folder)
    #expect(!written.contains { $0.hasSuffix("evil") })
    let got = "\(ground.folder)/got"
    try ground.succeed("binlog", "get", got)
    #expect(FileManager.default.contents(atPath: "\(got)/binlog.000003").map { [UInt8]($0) } == file.bytes)
    // Another server under the same name is said.
    try ground.write("uuid", "3e11fa47-71ca-11e1-9e33-c80aa9429563")
    let other = try ground.start("binlog", "receive")
    var said = ""
    while !said.contains("is of another server, 3e11fa47") {
      try #require(Date() < deadline && other.wait(seconds: 0) == nil, "\(said)")
      usleep(50_000)
      said = (try? String(contentsOfFile: "\(ground.folder)/stderr", encoding: .utf8)) ?? ""
    }
    kill(other.identifier, SIGTERM)
    #expect(other.wait(seconds: 60) == .exited(0))
  }

  @Test("Status tells how far the log reaches, and prune takes old log away only of servers that are named")
  func kept() throws {
    let ground = try BinlogGround()
    let receiver = try ground.receive()
    for number in 1...2 {
      try ground.server.sql("INSERT INTO shop.ledger VALUES (\(number), 'x')")
      try ground.waitUntilStored(receiver)
      sleep(3)
    }
    try ground.stop(receiver)
    func logs() throws -> Int {
      let folder = "\(ground.ground.repository)/logs"
      return try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.contains("-full-") }.count
    }
    let count = try logs()
    #expect(count >= 2)
    // A server on which nothing was written has nothing that would be missing.
    for (limit, code, number) in [("1 hour", 0 as Int32, 0), ("1 second", 0, 0), ("1 second", 1, 3)] {
      if number > 0 { try ground.server.sql("INSERT INTO shop.ledger VALUES (\(number), 'x')") }
      try ground.ground.configure("mariadb_servers:\n" + ground.server.entry("log_within: \(limit)"))
      let status = try ground.ground.coffer("status")
      #expect(status.status == .exited(code), "\(status.output) \(status.errors)")
      #expect(status.output.contains("reaches binlog.000001, byte"), "\(status.output)")
      #expect(status.errors.contains("coffer binlog receive") == (code == 1), "\(status.errors)")
      #expect(try ground.ground.coffer("info").status == .exited(0))
    }
    try ground.ground.configure(
      "keep_log: 1S\nmariadb_servers:\n"
        + ground.server.entry().replacingOccurrences(of: "name: main", with: "name: other"))
    try ground.ground.succeed("prune")
    #expect(try logs() == count)
    try ground.ground.configure("keep_log: 1S\nmariadb_servers:\n" + ground.server.entry())
    try ground.ground.succeed("prune")
    #expect(try logs() == 1)
    let doctor = try ground.ground.coffer("doctor")
    #expect(doctor.output.contains("it can be received; the server has 1 files of it"), "\(doctor.output)")
  }
}
