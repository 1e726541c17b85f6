import CofferSystem

/// What a base backup is asked of and comes through: a connection for replication, or what stands in for one.
protocol BaseBackupConversation: AnyObject {
  /// 150018 for 15.18.
  var serverVersion: Int { get }
  var notices: [String] { get }

  func parameter(_ name: String) -> String?
  func query(_ text: String) throws -> ReplicationRows
  func begin(_ text: String, called name: String?) throws
  func next(until deadline: Double?) throws -> ReplicationConnection.Reply?
  /// What comes from now on is read in large pieces.
  func expectMuch()
  func receive<Value>(
    until deadline: Double?, orUntil wake: Int32?, _ body: (UnsafeRawBufferPointer) throws -> Value
  ) throws -> ReplicationConnection.Received<Value>
}

extension BaseBackupConversation {
  /// The rows that come next of a command.
  ///
  /// - Throws: `ReplicatedServer.Unintelligible` where something else does; what `next` throws.
  func nextRows(of command: String, until deadline: Double?) throws -> ReplicationRows {
    guard case .rows(let rows)? = try next(until: deadline) else {
      throw ReplicatedServer.Unintelligible(command: command)
    }
    return rows
  }

  /// The copy that comes next of a command.
  ///
  /// - Throws: As `nextRows`.
  func nextCopy(of command: String, until deadline: Double?) throws {
    guard try next(until: deadline) == .copyOut else { throw ReplicatedServer.Unintelligible(command: command) }
  }
}

extension ReplicationConnection: BaseBackupConversation {}
