import CofferSystem
import FoundationEssentials

extension SFTPStore {
  static func isReservation(_ attributes: SFTPAttributes) -> Bool {
    attributes.kind == .file && attributes.size == 0
  }

  /// The size of what is to be an object.
  ///
  /// - Throws: `reserved`; for what is no file.
  func size(of attributes: SFTPAttributes) throws(SFTPError) -> Int {
    guard attributes.kind == .file else {
      throw .refused(operation: "open", SFTPStatus(.badMessage, "What stands there is no file"))
    }
    guard let size = attributes.size.flatMap(Int.init(exactly:)) else { throw .malformed("a file without a size") }
    guard size > 0 else { throw .reserved }
    return size
  }

  static func objectStatus(_ name: ObjectName, _ size: Int, _ attributes: SFTPAttributes) -> ObjectStatus {
    ObjectStatus(
      name: name, size: size, received: Date(timeIntervalSince1970: Double(attributes.modified ?? 0)))
  }

  func check(_ cancellation: Cancellation?) throws(StorageError) {
    if cancellation?.isCancelled == true { throw .cancelled(location: location) }
  }

  func storageError(_ error: SFTPError, _ name: ObjectName?) -> StorageError {
    switch (error, name) {
    case (.cancelled, _): .cancelled(location: location)
    case (.broken(let failure), _): .failed(name, location: location, failure)
    case (.refused(let operation, let status), _): refusal(operation, status, name)
    case (.reserved, let name?): .reserved(name, location: location, path: path(of: name))
    case (.reserved, nil): .failed(nil, location: location, .emptyObject)
    }
  }

  private func refusal(_ operation: String, _ status: SFTPStatus, _ name: ObjectName?) -> StorageError {
    func failed(_ kind: StorageFailure.Kind, _ suggestion: String? = nil) -> StorageError {
      let failure = StorageFailure(
        kind, operation, reason: Quoting.terminal(status.reason), suggestion: suggestion)
      return .failed(name, location: location, failure)
    }
    switch (status.code, name) {
    case (.noSuchFile, let name?), (.noSuchPath, let name?): return .missing(name, location: location)
    case (.exists, let name?): return .exists(name, location: location)
    case (.noSpace, let name?), (.quotaExceeded, let name?): return .full(name, location: location)
    case (.noSuchFile, nil), (.noSuchPath, nil):
      return failed(.permanent, "Look for \(Quoting.terminal(root)) there; the folder above it must be there before")
    case (.permissionDenied, _), (.writeProtected, _):
      return failed(.denied, "Let the account read and write what is in \(Quoting.terminal(root)) there")
    case (.noConnection, _), (.connectionLost, _): return failed(.transient)
    case (.failure, _):
      return failed(
        behaviour.failure,
        behaviour.failure == .transient
          ? nil : "The server does not say why; see whether its disk or the account's quota is full, and its log")
    default: return failed(.permanent)
    }
  }
}
