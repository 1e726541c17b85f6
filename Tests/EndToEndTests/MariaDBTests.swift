import TestSupport
import Testing

@Suite("MariaDB through the built program", .serialized)
struct MariaDBTests {
  private let ground: Playground
  private let one: MariaDBServer
  private let two: MariaDBServer

  private static let databases = ["cross_a", "cross_b", "cross_c"]

  init() throws {
    ground = try Playground()
    one = try MariaDBServer(1)
    two = try MariaDBServer(2)
    for server in [one, two] {
      let names = try server.run(
        """
        SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
        WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
        """)
      for name in names.split(separator: "\n") { try server.drop(String(name).replacing("\\\\", with: "\\")) }
    }
  }

  private func restoreToTwo() throws -> Playground.Outcome {
    try ground.coffer(
      "restore", "--archive", "latest", "--hostname", two.hostname, "--port", "\(two.port)", "--username",
      two.username, "--password", two.password)
  }

  @Test("Databases whose views read each other come back in dumps of their own, onto a bare server and over old ones")
  func crossing() throws {
    for name in Self.databases { try one.recreate(name) }
    try one.run(
      """
      CREATE TABLE cross_a.t (i INT PRIMARY KEY, a INT); INSERT INTO cross_a.t VALUES (1, 10);
      CREATE TABLE cross_b.t (i INT PRIMARY KEY, b INT); INSERT INTO cross_b.t VALUES (1, 20);
      CREATE TABLE cross_c.t (i INT PRIMARY KEY, c INT); INSERT INTO cross_c.t VALUES (1, 30);
      CREATE VIEW cross_a.m AS SELECT b.i, b.b FROM cross_b.t b JOIN cross_a.t a ON a.i = b.i;
      CREATE VIEW cross_a.a_first AS SELECT b FROM cross_a.m; CREATE VIEW cross_a.z_last AS SELECT b + 1 AS b FROM cross_a.m;
      CREATE VIEW cross_b.m AS SELECT a.a, c.c FROM cross_a.t a JOIN cross_c.t c ON a.i = c.i;
      CREATE VIEW cross_b.of_view AS SELECT * FROM cross_a.m; CREATE VIEW cross_a.of_view AS SELECT * FROM cross_b.m;
      CREATE SQL SECURITY INVOKER VIEW cross_c.m AS SELECT a.b, b.c FROM cross_a.of_view b JOIN cross_b.of_view a;
      CREATE FUNCTION cross_a.f() RETURNS INT READS SQL DATA RETURN (SELECT b FROM cross_b.t);
      CREATE TRIGGER cross_a.r BEFORE INSERT ON cross_a.t FOR EACH ROW SET NEW.a = (SELECT c FROM cross_c.t);
      """)
    try ground.configure("mariadb_databases:\n" + one.entry("all", "format: sql", "skip_names: [mysql]"))
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    #expect(try ground.coffer("create").status == .exited(0))
    let contents = try Self.databases.map(one.content)
    func rows(_ server: MariaDBServer) throws -> String {
      try server.run(
        """
        SELECT * FROM cross_a.a_first; SELECT * FROM cross_a.z_last; SELECT * FROM cross_a.of_view;
        SELECT * FROM cross_b.of_view; SELECT * FROM cross_c.m; SELECT cross_a.f()
        """)
    }
    for isBare in [true, false] {
      if !isBare {
        // What is there lacks what the new views read.
        try two.run("DROP TABLE cross_b.t; CREATE TABLE cross_b.t (i INT); ALTER TABLE cross_a.t DROP COLUMN a")
      }
      let restored = try restoreToTwo()
      #expect(restored.status == .exited(0), "\(restored.errors)")
      for (name, content) in zip(Self.databases, contents) { try expectSame(two.content(of: name), content) }
      #expect(try rows(two) == rows(one))
      #expect(try two.databases(like: "coffer\\_%") == "")
    }
    for name in Self.databases {
      try one.drop(name)
      try two.drop(name)
    }
  }
}
