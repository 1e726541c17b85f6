import CofferSystem

/// How restored tables come to their place, in the transaction that has made them.
struct TableMove {
  struct Table {
    /// In the dump.
    let source: RelationName
    let target: RelationName
    /// The server's number of the table that is replaced.
    let replaced: UInt32?
  }

  let tables: [Table]
  /// The schema that each schema's tables are made in.
  let places: [ServerText: ServerText]
  let serverMajor: Int

  /// Foreign keys of others that refer to a table that is replaced are taken off and put on again, and so hold for the rows
  /// that come back, or nothing is restored.
  var statements: PostgreSQLStatement {
    let body = ([removal] + renamings + moves + [keysAgain, clearing]).joined(separator: "\n")
    let block: PostgreSQLStatement = """
      DECLARE
        keys pg_catalog.text[] := '{}';
        item record;
        fresh pg_catalog.text;
      BEGIN
      \(body)
      END
      """
    return proofs + "DO \(literal: ServerText(block.bytes));\n"
  }

  private var replaced: [Table] { tables.filter { $0.replaced != nil } }

  /// Fails, in words of our own, unless what is replaced is what was there when the restore was planned.
  private var proofs: PostgreSQLStatement {
    let proofs = replaced.compactMap { table -> PostgreSQLStatement? in
      guard let number = table.replaced else { return nil }
      return """
        SELECT (CASE WHEN \(stands(table.target, number)) THEN '0'
        ELSE 'the table is another one by now' END)::pg_catalog.int4;

        """
    }
    return proofs.joined(separator: "")
  }

  /// Whether the table of that number still has the name.
  private func stands(_ name: RelationName, _ number: UInt32) -> PostgreSQLStatement {
    """
    EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = \(number) AND n.nspname = \(literal: name.schema) AND c.relname = \(literal: name.name))
    """
  }

  /// Once more where nobody renames them any more.
  private var sameTables: PostgreSQLStatement {
    let checks = replaced.compactMap { table -> PostgreSQLStatement? in
      guard let number = table.replaced else { return nil }
      return """
        IF NOT \(stands(table.target, number)) THEN
          RAISE EXCEPTION 'the table is another one by now';
        END IF;
        """
    }
    return checks.joined(separator: "\n")
  }

  private var removal: PostgreSQLStatement {
    guard !replaced.isEmpty else { return "" }
    let numbers = replaced.compactMap(\.replaced).map { "\($0)" as PostgreSQLStatement }.joined(separator: ", ")
    // Partitions have the keys of what they are partitions of.
    let isOwn: PostgreSQLStatement = serverMajor >= 11 ? "AND c.conparentid = 0" : ""
    let drop = replaced.map { $0.target.quoted }.joined(separator: ", ")
    // Locked first: each statement behind that sees what is there then. A partition would go with what it is one of, whatever
    // is in it.
    return """
      LOCK TABLE \(drop) IN ACCESS EXCLUSIVE MODE;
      IF EXISTS (SELECT FROM pg_catalog.pg_inherits i
        WHERE (i.inhparent IN (\(numbers))) <> (i.inhrelid IN (\(numbers)))) THEN
        RAISE EXCEPTION 'the table has got or lost a part since the restore was planned';
      END IF;
      \(sameTables)
      FOR item IN SELECT c.conname, c.conrelid::pg_catalog.regclass::pg_catalog.text AS relation,
        pg_catalog.pg_get_constraintdef(c.oid) AS definition FROM pg_catalog.pg_constraint c
        WHERE c.contype = 'f' AND c.confrelid IN (\(numbers)) AND c.conrelid NOT IN (\(numbers)) \(isOwn)
      LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', item.relation, item.conname);
        keys := pg_catalog.array_append(keys, pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', item.relation,
          item.conname, item.definition));
      END LOOP;
      DROP TABLE \(drop);
      """
  }

  private var keysAgain: PostgreSQLStatement {
    guard !replaced.isEmpty else { return "" }
    return """
      FOREACH fresh IN ARRAY keys LOOP
        EXECUTE fresh;
      END LOOP;
      """
  }

  private var moves: [PostgreSQLStatement] {
    tables.compactMap { table in
      guard let place = places[table.source.schema] else { return nil }
      let made = RelationName(schema: place, name: table.source.name)
      let renamed = RelationName(schema: place, name: table.target.name)
      let rename: PostgreSQLStatement =
        table.source.name == table.target.name
        ? "" : "ALTER TABLE \(made.quoted) RENAME TO \(identifier: table.target.name);"
      return """
        \(rename)
        ALTER TABLE \(renamed.quoted) SET SCHEMA \(identifier: table.target.schema);
        """
    }
  }

  private var renamings: [PostgreSQLStatement] {
    places.sorted { $0.value.hex < $1.value.hex }.compactMap { source, place in
      let own = tables.filter { $0.source.schema == source }
      return (own.first { $0.source.name != $0.target.name } ?? own.first).map { renaming(in: place, $0) }
    }
  }

  /// Statistics do not go with their table by themselves.
  private func statistics(_ place: ServerText, _ target: ServerText) -> PostgreSQLStatement {
    guard serverMajor >= 10 else { return "" }
    return """
      FOR item IN SELECT s.stxname FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n
        ON n.oid = s.stxnamespace WHERE n.nspname = \(literal: place)
      LOOP
        fresh := item.stxname;
        FOR number IN 1 .. 100 LOOP
          EXIT WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n
            ON n.oid = s.stxnamespace WHERE s.stxname = fresh AND n.nspname = \(literal: target));
          fresh := pg_catalog.left(item.stxname, 40) || '_' || number;
        END LOOP;
        IF fresh <> item.stxname THEN
          EXECUTE pg_catalog.format('ALTER STATISTICS %I.%I RENAME TO %I', \(literal: place), item.stxname, fresh);
        END IF;
        EXECUTE pg_catalog.format('ALTER STATISTICS %I.%I SET SCHEMA %I', \(literal: place), fresh, \(literal: target));
      END LOOP;
      """
  }

  /// Gives indexes, keys and sequences another name where theirs is taken in the schema that they come to.
  private func renaming(in place: ServerText, _ table: Table) -> PostgreSQLStatement {
    let (old, new) = (table.source.name, table.target.name)
    func isTaken(_ schema: ServerText) -> PostgreSQLStatement {
      """
      EXISTS (SELECT FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace
      WHERE o.relname = fresh AND n.nspname = \(literal: schema))
      """
    }
    return """
      FOR item IN SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n
        ON n.oid = c.relnamespace WHERE n.nspname = \(literal: place) AND c.relkind IN ('i', 'I', 'S')
      LOOP
        fresh := item.relname;
        FOR number IN 0 .. 100 LOOP
          EXIT WHEN NOT \(isTaken(table.target.schema)) AND (fresh = item.relname OR NOT \(isTaken(place)))
            AND pg_catalog.octet_length(fresh) < 64;
          IF number = 0 AND pg_catalog.left(item.relname, \(length(old)) + 1) = \(literal: ServerText(old.bytes + [95])) THEN
            fresh := \(literal: new) || pg_catalog.substr(item.relname, \(length(old)) + 1);
          ELSIF number < 100 THEN
            fresh := pg_catalog.left(item.relname, 40) || '_' || (number + 1);
          ELSE
            fresh := 'restored_' || item.oid;
          END IF;
        END LOOP;
        IF fresh <> item.relname THEN
          EXECUTE pg_catalog.format('ALTER %s %I.%I RENAME TO %I',
            CASE item.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END, \(literal: place), item.relname, fresh);
        END IF;
      END LOOP;
      """
  }

  /// As the server counts it, in whatever encoding: the length of the name itself.
  private func length(_ name: ServerText) -> PostgreSQLStatement { "pg_catalog.length(\(literal: name))" }

  private var clearing: PostgreSQLStatement {
    places.sorted { $0.value.hex < $1.value.hex }
      .map { source, place -> PostgreSQLStatement in
        let target = tables.first { $0.source.schema == source }?.target.schema ?? source
        return "\(statistics(place, target))\nDROP SCHEMA \(identifier: place);"
      }
      .joined(separator: "\n")
  }
}
