import CofferSystem

/// A foreign key.
struct MariaDBForeignKey: Sendable {
  let table: MariaDBCatalogue.Object
  let name: String
  private(set) var columns: [String]
  let referenced: MariaDBCatalogue.Object
  private(set) var referencedColumns: [String]
  private let onUpdate: String
  private let onDelete: String

  private static let actions = ["RESTRICT", "NO ACTION", "CASCADE", "SET NULL", "SET DEFAULT"]

  /// - Parameter rows: One for each column of a key, those of a key together: referenced database; database, table, key,
  ///   column; referenced table and column; what happens on updates, on deletes.
  static func all(_ rows: [[String]]) throws -> [MariaDBForeignKey] {
    var keys: [MariaDBForeignKey] = []
    for row in rows {
      let table = MariaDBCatalogue.Object(database: row[1], name: row[2])
      if let last = keys.last, last.table == table, last.name.isSame(as: row[3]) {
        keys[keys.count - 1].columns.append(row[4])
        keys[keys.count - 1].referencedColumns.append(row[6])
      } else {
        guard let onUpdate = actions.first(where: { $0.isSame(as: row[7]) }),
          let onDelete = actions.first(where: { $0.isSame(as: row[8]) })
        else { throw MariaDBAnswer.Odd() }
        keys.append(
          MariaDBForeignKey(
            table: table, name: row[3], columns: [row[4]],
            referenced: MariaDBCatalogue.Object(database: row[0], name: row[5]), referencedColumns: [row[6]],
            onUpdate: onUpdate, onDelete: onDelete))
      }
    }
    return keys
  }

  /// Statements that make it lead to where it led, after the table there was replaced by another of its name: as a rule
  /// it has followed the old one.
  ///
  /// - Parameters:
  ///   - table: Where its own table is by then.
  ///   - place: What it is to lead to; nil for where it led.
  ///   - mayBeGone: Whether it may have been dropped already, on a server of MariaDB.
  func renewal(
    on table: MariaDBCatalogue.Object, to place: MariaDBCatalogue.Object? = nil, mayBeGone: Bool = false
  ) -> String {
    let name = Quoting.mariadbIdentifier(name)
    func list(_ columns: [String]) -> String {
      columns.map(Quoting.mariadbIdentifier).joined(separator: ", ")
    }
    return """
      ALTER TABLE \(table.quoted) DROP FOREIGN KEY \(mayBeGone ? "IF EXISTS " : "")\(name);
      ALTER TABLE \(table.quoted) ADD CONSTRAINT \(name) FOREIGN KEY (\(list(columns))) \
      REFERENCES \((place ?? referenced).quoted) (\(list(referencedColumns)))\(rule("UPDATE", onUpdate))\(rule("DELETE", onDelete));

      """
  }

  /// Statements that take it off.
  func removal(on table: MariaDBCatalogue.Object) -> String {
    "ALTER TABLE \(table.quoted) DROP FOREIGN KEY \(Quoting.mariadbIdentifier(name));\n"
  }

  /// Both rules that forbid are the same to InnoDB, and what it does without a rule.
  private func rule(_ event: String, _ action: String) -> String {
    action == "RESTRICT" || action == "NO ACTION" ? "" : " ON \(event) \(action)"
  }
}
