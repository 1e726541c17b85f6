import CofferSystem

/// Names of databases and collections, and patterns of them as mongorestore reads them.
enum MongoDBNamespace {
  /// What no database's name may hold on any system, and pattern characters.
  private static let forbidden = Set("/\\. \"$*<>:|?\0".utf8)

  static func isDatabaseName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count < 64 && !name.utf8.contains { forbidden.contains($0) }
  }

  /// The namespaces that `--schema` means: those that it spells out (`users.orders`, `*.log`), else a collection of the
  /// database, or a database when the whole server was dumped.
  static func pattern(_ schema: String, database: String) -> String {
    guard !database.isSame(as: "all") else { return schema.holds(".") ? schema : "\(schema).*" }
    let parts = schema.parts(by: ".", limit: 2)
    let isWhole = parts.count == 2 && (parts[0].isSame(as: database) || parts[0].holds("*"))
    return isWhole ? schema : "\(database).\(schema)"
  }
}
