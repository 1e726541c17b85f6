import CofferSystem

/// What is asked of a database to know what is in it. Of what belongs to extensions, and to the system, a dump has nothing.
enum PostgreSQLCensusQuestions {
  /// That an object is no member of an extension.
  private static func isOwn(_ catalogue: PostgreSQLStatement, _ number: PostgreSQLStatement) -> PostgreSQLStatement {
    """
    NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = '\(catalogue)'::pg_catalog.regclass
    AND d.objid = \(number) AND d.deptype = 'e')
    """
  }

  private static let isOwnSchema: PostgreSQLStatement =
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

  private static let shown: PostgreSQLStatement =
    "pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)"

  /// Schema, name, both quoted, number, number of the file, and whether there are rows: those of unlogged tables are not on a
  /// standby. The smallest first.
  static func tables(limit: Int) -> PostgreSQLStatement {
    """
    SELECT \(PostgreSQLAnswer.text("n.nspname")), \(PostgreSQLAnswer.text("c.relname")), \(PostgreSQLAnswer.text(shown)),
    c.oid, c.relfilenode, NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND \(isOwnSchema) AND \(isOwn("pg_catalog.pg_class", "c.oid"))
    ORDER BY c.relpages, n.nspname, c.relname LIMIT \(limit)
    """
  }

  /// Whether a table has its name still, and the file that it had: views, other tables, and those that were emptied or
  /// rewritten have not. These functions see what is, not the snapshot.
  static func isAsItWas(_ shown: ServerText, number: UInt32, file: UInt32) -> PostgreSQLStatement {
    """
    SELECT pg_catalog.to_regclass(\(literal: shown))::pg_catalog.oid = \(Int(number))
    AND pg_catalog.pg_relation_filenode(\(Int(number))) = \(Int(file))
    """
  }

  /// Schema and name of the tables whose rows are in another file than in the snapshot; see `isAsItWas`. Those of extensions,
  /// too, whose rows may be dumped.
  static func rewritten(limit: Int) -> PostgreSQLStatement {
    """
    SELECT \(PostgreSQLAnswer.text("n.nspname")), \(PostgreSQLAnswer.text("c.relname"))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND \(isOwnSchema)
    AND pg_catalog.pg_relation_filenode(c.oid) <> c.relfilenode
    ORDER BY n.nspname, c.relname LIMIT \(limit)
    """
  }

  /// Has the server refuse to look into views, where it can.
  static let restriction: PostgreSQLStatement = """
    SELECT pg_catalog.set_config(s.name, 'view, foreign-table', true)
    FROM pg_catalog.pg_settings s WHERE s.name = 'restrict_nonsystem_relation_kind'
    """

  /// Kind and number. What servers make by themselves for partitions differs from version to version.
  static let objects: PostgreSQLStatement = """
    SELECT k.kind, pg_catalog.count(*) FROM (
    SELECT CASE c.relkind WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'materialized view' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' END AS kind
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('i', 'S', 'v', 'm', 'p', 'f') AND c.relpersistence <> 't' AND \(isOwnSchema)
    AND \(isOwn("pg_catalog.pg_class", "c.oid"))
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index v WHERE v.indexrelid = c.oid
    AND NOT (v.indisvalid AND v.indisready))
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index x JOIN pg_catalog.pg_depend d ON d.objid = x.indrelid
    WHERE x.indexrelid = c.oid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'e')
    UNION ALL SELECT 'function' FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE \(isOwnSchema) AND \(isOwn("pg_catalog.pg_proc", "p.oid"))
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend i WHERE i.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    AND i.objid = p.oid AND i.deptype = 'i')
    UNION ALL SELECT 'trigger' FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND NOT c.relispartition AND \(isOwnSchema) AND \(isOwn("pg_catalog.pg_class", "c.oid"))
    UNION ALL SELECT 'foreign key' FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
    JOIN pg_catalog.pg_class f ON f.oid = o.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE o.contype = 'f' AND NOT c.relispartition AND NOT f.relispartition AND \(isOwnSchema)
    AND \(isOwn("pg_catalog.pg_class", "c.oid"))
    UNION ALL SELECT 'policy' FROM pg_catalog.pg_policy y
    UNION ALL SELECT 'schema' FROM pg_catalog.pg_namespace n
    WHERE \(isOwnSchema) AND n.nspname <> 'public' AND \(isOwn("pg_catalog.pg_namespace", "n.oid"))
    UNION ALL SELECT 'extension' FROM pg_catalog.pg_extension e WHERE e.extname <> 'plpgsql'
    UNION ALL SELECT 'event trigger' FROM pg_catalog.pg_event_trigger v
    WHERE \(isOwn("pg_catalog.pg_event_trigger", "v.oid"))
    UNION ALL SELECT 'large object' FROM pg_catalog.pg_largeobject_metadata l
    ) AS k GROUP BY k.kind
    """

  /// Name and value of those that have given one.
  static func sequences(limit: Int) -> PostgreSQLStatement {
    """
    SELECT \(PostgreSQLAnswer.text(shown)), s.last_value
    FROM pg_catalog.pg_sequences s JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename
    WHERE s.last_value IS NOT NULL AND \(isOwn("pg_catalog.pg_class", "c.oid"))
    ORDER BY n.nspname, c.relname LIMIT \(limit)
    """
  }

  /// What must be there before a dump can be restored: kind and name.
  static let needs: PostgreSQLStatement = """
    SELECT CASE WHEN r.rolsuper THEN 'superuser' ELSE 'role' END, \(PostgreSQLAnswer.text("r.rolname")) FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_'
    UNION ALL SELECT 'tablespace', \(PostgreSQLAnswer.text("t.spcname")) FROM pg_catalog.pg_tablespace t
    WHERE t.spcname !~ '^pg_'
    UNION ALL SELECT 'extension', \(PostgreSQLAnswer.text("e.extname")) FROM pg_catalog.pg_extension e
    LIMIT 20000
    """

  static func needs(_ rows: [PostgreSQLAnswer.Row]) -> DumpContent.Needs {
    var needs = DumpContent.Needs()
    for row in rows {
      guard let kind = row[0]?.text, let name = row[1] else { continue }
      switch kind {
      case "superuser": needs.superusers.append(name)
      case "role": needs.roles.append(name)
      case "tablespace": needs.tablespaces.append(name)
      case "extension": needs.extensions.append(name)
      default: break
      }
    }
    return needs
  }
}
