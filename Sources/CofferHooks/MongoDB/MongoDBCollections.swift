import CofferSystem

/// The collections of a server on which a dump was restored, counted by MongoDB's shell, under the names that the dump's archive
/// has for them.
enum MongoDBCollections {
  /// Databases that are the server's own.
  static let ownDatabases = [accountsDatabase] + unrestored
  /// Those of which a throw-away server has its own contents.
  static let unrestored = ["config", "local"]
  /// Where users and roles are kept, of all databases.
  private static let accountsDatabase = "admin"
  private static let accounts = ["system.users", "system.roles"]
  private static let mark = "coffer"
  private static let end = "end"
  /// What holds the measurements of a time series, and behind it the collection's name.
  static let buckets = "system.buckets."
  private static let functions = "system.js"

  /// Prints a line for each: the mark, its type, its documents - of views and time series, whose documents stand elsewhere, none -,
  /// its database and its name; and a line at the end.
  ///
  /// Both shells run it: the older one knows nothing of this century's JavaScript, and callbacks that ask a server are not
  /// called in their order by the newer one.
  static let script = """
    var own = ['\(ownDatabases.joined(separator: "', '"))'];
    var databases = db.adminCommand({listDatabases: 1, nameOnly: true}).databases;
    for (var i = 0; i < databases.length; i++) {
      var isOfUsers = databases[i].name == '\(accountsDatabase)';
      if (own.indexOf(databases[i].name) >= 0 && !isOfUsers) { continue; }
      var database = db.getSiblingDB(databases[i].name);
      var found = database.getCollectionInfos();
      for (var j = 0; j < found.length; j++) {
        if (isOfUsers && ['\(accounts.joined(separator: "', '"))'].indexOf(found[j].name) < 0) { continue; }
        var isPlain = found[j].type == 'collection';
        var count = isPlain ? Number(database.getCollection(found[j].name).countDocuments({})) : '-';
        print(['\(mark)', found[j].type, count, encodeURIComponent(databases[i].name), encodeURIComponent(found[j].name)].join(' '));
      }
    }
    print('\(mark) \(end)');
    """

  /// Whether a database is one of the server's own.
  static func isOwn(_ database: String) -> Bool { ownDatabases.contains { $0.isSame(as: database) } }

  /// Reads what the script printed. Shells print warnings between it.
  ///
  /// - Returns: nil for what is not all of it.
  static func content(of text: String) -> DumpContent? {
    var tables: [DumpContent.Table] = []
    var isWhole = false
    for line in text.lines() {
      let words = line.parts(by: " ")
      guard words[0].isSame(as: mark) else { continue }
      guard words.count == 5 else {
        isWhole = words.count == 2 && words[1].isSame(as: end)
        continue
      }
      guard let database = words[3].withoutPercentEncoding, var name = words[4].withoutPercentEncoding else {
        return nil
      }
      let isTimeSeries = words[1].isSame(as: "timeseries")
      if isTimeSeries { name = buckets + name }
      let title = "\(database).\(name)"
      guard isTimeSeries || isCollection(name) || isOfAccounts(title) else { continue }
      let rows = UInt64(words[2])
      guard rows != nil || words[2].isSame(as: "-") else { return nil }
      tables.append(DumpContent.Table(name: title, rows: rows))
    }
    return isWhole ? DumpContent(tables: tables) : nil
  }

  /// Whether what an archive calls so is made of it by mongorestore as it was: what is a server's own is not, but for users and
  /// roles of all databases. Those of single ones stand in other collections.
  static func isRestored(_ title: String) -> Bool {
    let parts = title.parts(by: ".", limit: 2)
    guard parts.count == 2, !isOwn(parts[0]) else { return isOfAccounts(title) }
    return isCollection(parts[1]) || parts[1].begins(with: buckets)
  }

  /// Whether it holds the users or the roles of all databases.
  static func isOfAccounts(_ title: String) -> Bool {
    accounts.contains { title.isSame(as: "\(accountsDatabase).\($0)") }
  }

  /// Whether it is one of the user's. `$admin.system.users` is how archives call what one database has of users.
  private static func isCollection(_ name: String) -> Bool {
    name.isSame(as: functions) || !name.begins(with: "system.") && !name.begins(with: "$admin.")
  }
}
