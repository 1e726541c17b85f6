import CofferSystem
import Glibc

/// An archive's table of contents as pg_restore lists it, for a restore that leaves something out.
struct ArchiveList {
  /// The file with the list; it goes with the run.
  let path: String
  /// The entries of rows that are left out with the extensions, as pg_restore lists them.
  let leftOutRows: [String]

  /// A table, or a sequence, of an extension whose rows are dumped (`pg_extension_config_dump`).
  struct Relation {
    let schema: ServerText
    let name: ServerText
  }

  /// Lists all but extensions that are there already and are somebody else's, with their comments and their rows: only
  /// the owner may replace them, and what stays has its rows already.
  ///
  /// - Parameter archive: The file or folder.
  /// - Throws: `RestoreError.programFailed`; `LaunchError`; `RunCancelled`; `SystemError`.
  init(without extensions: [ServerText], of archive: String, _ job: RestoreJob) throws {
    let result = try job.context.launcher.run(
      job.connection.command(.restore, ["--list", archive], context: job.context), outputLimit: 1 << 30,
      cancellation: job.context.cancellation)
    guard result.status.isSuccess else {
      throw RestoreError.programFailed(
        job.identity, program: "pg_restore", status: result.status, lines: result.errorLines)
    }
    let rows = Self.rows(of: try Self.relations(of: extensions, job), in: result.output)
    leftOutRows = rows.map { String(decoding: $0, as: UTF8.self) }
    path = try job.context.runtime.makeParent(of: "entries-\(UInt32.random(in: 0 ... .max))")
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    try Self.filtered(result.output, extensions, rows: rows)
      .withUnsafeBytes { try file.writeAll($0, subject: path) }
  }

  private static func relations(of extensions: [ServerText], _ job: RestoreJob) throws -> [Relation] {
    let names = extensions.map { "\(literal: $0)" as PostgreSQLStatement }.joined(separator: ", ")
    let result = try job.connection.query(
      """
      SELECT \(PostgreSQLAnswer.text("n.nspname")), \(PostgreSQLAnswer.text("c.relname"))
      FROM pg_catalog.pg_extension e CROSS JOIN LATERAL pg_catalog.unnest(e.extconfig) AS x (number)
      JOIN pg_catalog.pg_class c ON c.oid = x.number JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE e.extname::pg_catalog.text = ANY (ARRAY[\(names)])
      """, database: job.destination.name, context: job.context)
    guard let rows = PostgreSQLAnswer(result, columns: 2)?.rows else {
      throw RestoreError.programFailed(
        job.identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    return rows.compactMap { row in
      guard let schema = row[0], let name = row[1] else { return nil }
      return Relation(schema: schema, name: name)
    }
  }

  private static let newline = UInt8(ascii: "\n")
  private static let blank = UInt8(ascii: " ")

  /// What stands behind an entry's numbers. Behind the name stands the owner, which extensions have not.
  private static func entry(_ line: ArraySlice<UInt8>) -> [UInt8]? {
    let parts = line.split(separator: blank, maxSplits: 3, omittingEmptySubsequences: false)  // of bytes
    guard parts.count == 4 else { return nil }
    return Array(parts[3].last == blank ? parts[3].dropLast() : parts[3])
  }

  /// The entries of relations' rows: `TABLE DATA public spatial_ref_sys postgres`, and `SEQUENCE SET public s postgres`.
  ///
  /// Names may hold blanks. But what is an extension's is not made by the dump, so an entry that goes with one that makes
  /// a relation of that very name is of another relation.
  static func rows(of relations: [Relation], in list: [UInt8]) -> [[UInt8]] {
    guard !relations.isEmpty else { return [] }
    let entries = list.split(separator: newline).compactMap(entry)  // of bytes
    let known = Set(entries)
    // Names come in one line each.
    let tails = relations.map { relation in
      (relation.schema.bytes + [blank] + relation.name.bytes + [blank]).map { [10, 13].contains($0) ? blank : $0 }
    }
    return entries.filter { entry in
      [("TABLE DATA ", "TABLE "), ("SEQUENCE SET ", "SEQUENCE ")].contains { rows, relation in
        guard entry.starts(with: rows.utf8) else { return false }
        let rest = entry.dropFirst(rows.utf8.count)
        return tails.contains { rest.starts(with: $0) } && !known.contains(Array(relation.utf8) + rest)
      }
    }
  }

  /// `3; 3079 16385 EXTENSION - citext `, and `3456; 0 0 COMMENT - EXTENSION citext `.
  static func filtered(_ list: [UInt8], _ extensions: [ServerText], rows: [[UInt8]] = []) -> [UInt8] {
    let left = Set(
      extensions.flatMap { name in
        ["EXTENSION - ", "COMMENT - EXTENSION "].map { Array($0.utf8) + name.bytes }
      } + rows)
    let lines = list.split(separator: newline).filter { line in  // of bytes
      entry(line).map { !left.contains($0) } ?? true
    }
    return lines.flatMap { $0 + [newline] }
  }
}
