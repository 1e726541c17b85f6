import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// What a session's marker says.
struct SessionRecord: Codable {
  let id: String
  let process: Int32
  let written: Date
  /// nil where the system does not tell, and in markers of older programs.
  let identity: ProcessIdentity?
  /// The round that the session has seen; nil before it has looked, and in markers of older programs.
  let round: Int?
  /// Said by a session whose markers its store does not delete.
  let hasEnded: Bool?
  /// The machine's name, for people only; nil in markers of older programs.
  var hostname: String?

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    return Array(try encoder.encode(self))
  }

  /// - Throws: `StorageError`; `RepositoryError.damaged`.
  static func read(_ status: ObjectStatus, _ context: RepositoryContext) throws -> (
    record: SessionRecord, signer: Signer
  ) {
    let name = status.name
    let bytes = try context.store.get(status, limit: ObjectLimit.session)
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    do {
      let (payload, signer) = try context.envelope.open(
        bytes, purpose: .session, context: Array(name.path.utf8), signers: context.signers)
      return (try decoder.decode(SessionRecord.self, from: Data(payload)), signer)
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(name, error)
    } catch is DecodingError {
      throw context.damaged(name, "its content is not readable")
    }
  }
}

extension SessionRecord {
  /// What this machine calls itself.
  static var ownHostname: String {
    var names = utsname()
    uname(&names)
    return withUnsafeBytes(of: names.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
