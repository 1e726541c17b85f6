import CofferSystem
import FoundationEssentials
import Glibc

/// What a process is started for that opens a database: another process of this program, because what is in a database
/// may be made to break the library that reads it. It has the rights of the database's owner, and no secrets.
public struct SQLiteWorkerRequest: Equatable, Sendable {
  public enum Work: String, Sendable {
    /// Writes a dump of the database to standard output.
    case dump
    /// Locks the database for a moment, which also folds its write-ahead log back into the file.
    case probe
    /// Builds an open, empty file from the dump on standard input, and says so on standard output.
    case load
    /// Checks an open file that holds a database.
    case check
    /// Counts what an open file holds that a restore has made, and says so on standard error.
    case count
    /// Asks an open file, which nobody else needs, what stands on standard input, and writes the rows to standard output.
    case ask
    /// Brings tables of the dump on standard input into the database, and says so on standard output.
    case tables
  }

  /// Which tables of a dump come into a database that is there.
  public struct Tables: Codable, Equatable, Sendable {
    /// Names or patterns.
    public var names: [String]
    /// What the one table is called there; nil for its own name.
    public var newName: String?
    public var replaces: Bool

    public init(names: [String], newName: String?, replaces: Bool) {
      self.names = names
      self.newName = newName
      self.replaces = replaces
    }
  }

  /// A user to become, with groups; the first is the primary one.
  public struct User: Equatable, Sendable {
    public var userID: UInt32
    public var groupIDs: [UInt32]

    public init(userID: UInt32, groupIDs: [UInt32]) {
      self.userID = userID
      self.groupIDs = groupIDs
    }
  }

  public var work: Work
  /// The file's name in the folder that is open as `descriptor`; of a file, what messages call it.
  public var name: String
  public var device: UInt64
  public var inode: UInt64
  /// nil to stay who one is.
  public var user: User?
  /// How long to wait for another process's lock.
  public var busySeconds: Int
  public var tables: Tables?

  /// What the process inherits: the folder, or the file that is loaded or checked.
  public static let descriptor: Int32 = 3
  /// What a load says at its end.
  public static let confirmation = "coffer: the database is whole"
  /// The exit status for a database that another process has locked.
  public static let busyStatus: Int32 = 75

  private static let word = "--sqlite-worker"

  public init(
    work: Work, name: String, device: UInt64, inode: UInt64, user: User?, busySeconds: Int = 30,
    tables: Tables? = nil
  ) {
    self.work = work
    self.name = name
    self.device = device
    self.inode = inode
    self.user = user
    self.busySeconds = busySeconds
    self.tables = tables
  }

  /// The program's arguments for it.
  public var arguments: [String] {
    let groups = user?.groupIDs.map(String.init).joined(separator: ",") ?? ""
    return [
      Self.word, work.rawValue, name, String(device), String(inode), user.map { String($0.userID) } ?? "", groups,
      String(busySeconds),
    ] + tableArguments
  }

  /// What is to be done with tables, as JSON.
  private var tableArguments: [String] {
    guard let tables, let text = try? JSONEncoder().encode(tables) else { return [] }
    return [String(decoding: text, as: UTF8.self)]
  }

  /// - Parameter arguments: The program's, without its name.
  /// - Returns: nil for any other command line.
  public init?(arguments: [String]) {
    guard arguments.count == 8 || arguments.count == 9, arguments[0] == Self.word,
      let work = Work(rawValue: arguments[1]),
      let device = UInt64(arguments[3]), let inode = UInt64(arguments[4]), let busySeconds = Int(arguments[7])
    else { return nil }
    let groups = arguments[6].utf8.split(separator: UInt8(ascii: ",")).map { UInt32(String($0) ?? "") }
    let groupIDs = groups.compactMap { $0 }
    guard groups.count == groupIDs.count else { return nil }
    var user: User?
    if !arguments[5].isEmpty {
      guard let userID = UInt32(arguments[5]), !groupIDs.isEmpty else { return nil }
      user = User(userID: userID, groupIDs: groupIDs)
    }
    var tables: Tables?
    if arguments.count == 9 {
      guard let known = try? JSONDecoder().decode(Tables.self, from: Data(arguments[8].utf8)) else { return nil }
      tables = known
    }
    self.init(
      work: work, name: arguments[2], device: device, inode: inode, user: user, busySeconds: busySeconds,
      tables: tables)
  }
}
