import CofferSystem

/// What a server answers to a command: rows of values, which are bytes.
public struct ReplicationRows: Sendable, Equatable {
  /// The columns' names.
  public let names: [String]
  /// As many values in each as there are names; nil for NULL.
  public let rows: [[[UInt8]?]]

  public init(names: [String], rows: [[[UInt8]?]]) {
    self.names = names
    self.rows = rows
  }

  /// - Returns: nil for NULL, and where there is no such row or column.
  public func bytes(_ row: Int, _ name: String) -> [UInt8]? {
    guard rows.indices.contains(row), let column = names.firstIndex(where: { $0.isSame(as: name) }) else {
      return nil
    }
    return rows[row][column]
  }

  /// - Returns: nil also for what is no UTF-8.
  public func text(_ row: Int, _ name: String) -> String? {
    bytes(row, name).flatMap { String(validating: $0, as: UTF8.self) }
  }
}
