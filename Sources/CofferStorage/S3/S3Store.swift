import CofferHTTP
import CofferSystem
import FoundationEssentials
import Glibc
import Synchronization

/// Objects in a bucket, below a prefix. Each put is one request.
///
/// Servers keep what is promised here, or not: most refuse to overwrite when they are asked to, some overwrite all the same.
/// Of those the name is looked for first, which leaves a moment in which two may put it.
struct S3Store: ObjectStore {
  let client: S3Client
  let random: RandomSource
  let warn: @Sendable (Diagnosis) -> Void
  let guardian: PutGuard

  /// Bytes of an object that is read without a range at most.
  private static let wholeLimit = 4 << 30

  init(_ client: S3Client, random: RandomSource, warn: @escaping @Sendable (Diagnosis) -> Void) {
    self.client = client
    self.random = random
    self.warn = warn
    guardian = PutGuard(looksFirst: client.target.looksFirst)
  }

  var location: String { client.location }

  var abilities: StoreAbilities {
    StoreAbilities(
      kind: "object storage", refusesTakenNames: guardian.looksFirst ? false : guardian.hasRefused ? true : nil,
      readsParts: true, keepsOwnTimes: true)
  }

  func key(_ path: String) -> String { client.target.prefix + path }

  // MARK: - One object

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    guard !content.isEmpty else { throw .failed(name, location: location, .emptyObject) }
    if guardian.looksFirst {
      do throws(StorageError) {
        _ = try status(of: name, cancellation: cancellation)
        throw .exists(name, location: location)
      } catch {
        guard case .missing = error else { throw error }
      }
    }
    let isConditional = guardian.isConditional
    let sums = Digests.sums(of: content)
    switch try send(put: key(name.path), name, content, sums, isConditional: isConditional, cancellation) {
    case .done(let answer):
      guardian.noteBucket()
      // Whoever stores an object tells its ETag. A proxy or a page to log in at that answers in his place has stored nothing.
      if answer.header("etag") == nil { try confirm(name, content.count, cancellation) }
      // Of what is encrypted there, for one, the tag is no sum.
      if let sum = sums.md5.map(Digests.hexadecimal), Self.sum(answer) == sum { guardian.note(sum, of: name, content) }
    case .refused(let refusal, let error, let mayHaveComeTwice):
      if refusal.status == 501, isConditional {
        guardian.forbidCondition()
        return try put(name, content, cancellation: cancellation)
      }
      guard refusal.status == 412 else { throw error }
      // The first try's answer may have been lost with its connection.
      if mayHaveComeTwice, try holds(name, content, cancellation: cancellation) { return }
      throw .exists(name, location: location)
    }
  }

  private func confirm(_ name: ObjectName, _ size: Int, _ cancellation: Cancellation?) throws(StorageError) {
    do throws(StorageError) {
      if try status(of: name, cancellation: cancellation).size == size { return }
    } catch {
      guard case .missing = error else { throw error }
    }
    throw .failed(
      name, location: location,
      StorageFailure(
        .transient, S3Operation.put.rawValue,
        reason: "the answer says success and not what was stored, and the object is not there as it was put",
        suggestion: "See what answers in the server's place: a proxy, or a page to log in at"))
  }

  /// - Parameter name: nil for what is no object of the repository.
  func send(
    put key: String, _ name: ObjectName?, _ content: UnsafeRawBufferPointer, _ sums: Digests.Sums, isConditional: Bool,
    _ cancellation: Cancellation?
  ) throws(StorageError) -> S3Client.Outcome {
    var headers: [(String, String)] = []
    if let sum = sums.md5 { headers.append(("Content-MD5", Data(sum).base64EncodedString())) }
    if isConditional { headers.append(("If-None-Match", "*")) }
    headers += client.target.putHeaders(now: client.clock.now())
    return try client.send(
      .init(operation: name == nil ? .probe : .put, method: .put, key: key, name: name, headers: headers),
      body: content, hash: Digests.hexadecimal(sums.sha256), cancellation: cancellation)
  }

  func get(_ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?) throws(StorageError) -> [UInt8] {
    guard let range else {
      let answer = try answer(
        .init(operation: .get, key: key(name.path), name: name, limit: Self.wholeLimit), cancellation)
      guard !answer.isCut else { throw .tooLarge(name, location: location, size: Self.wholeLimit) }
      return answer.body
    }
    guard !range.isEmpty else {
      let size = try status(of: name, cancellation: cancellation).size
      guard range.upperBound <= size else { throw .truncated(name, location: location) }
      return []
    }
    return try part(range, of: name, cancellation)
  }

  /// What an answer has is told by its Content-Range and its length: some servers say 200 to a part.
  private func part(
    _ range: Range<Int>, of name: ObjectName, _ cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    let request = S3Client.Request(
      operation: .get, key: key(name.path), name: name,
      headers: [("Range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")], limit: Self.limit(range.count),
      expected: range.count)
    switch try client.send(request, cancellation: cancellation) {
    case .refused(let refusal, let error, _):
      throw refusal.status == 416 ? .truncated(name, location: location) : error
    case .done(let answer):
      guard let text = answer.header("content-range") else {
        let isEnough = answer.body.count >= range.upperBound || !answer.isCut
        return try cut(range, of: isEnough ? answer.body : upTo(range.upperBound, name, cancellation), name)
      }
      guard let got = ContentRange(text), got.bytes.lowerBound == range.lowerBound,
        got.bytes.upperBound <= range.upperBound
      else {
        throw .failed(
          name, location: location,
          StorageFailure(
            .transient, S3Operation.get.rawValue,
            reason: "the server answered another part than bytes \(range.lowerBound) to \(range.upperBound - 1)"))
      }
      guard got.bytes.upperBound == range.upperBound else { throw .truncated(name, location: location) }
      return try whole(answer, range.count, name)
    }
  }

  /// Bytes of an answer at most, when so many are asked for: a refusal needs some, too.
  private static func limit(_ count: Int) -> Int { max(count, 64 << 10) }

  /// Of a server that knows no parts: everything up to the range's end is read.
  private func upTo(_ end: Int, _ name: ObjectName, _ cancellation: Cancellation?) throws(StorageError) -> [UInt8] {
    try answer(
      .init(operation: .get, key: key(name.path), name: name, limit: Self.limit(end)), cancellation
    ).body
  }

  private func cut(_ range: Range<Int>, of bytes: [UInt8], _ name: ObjectName) throws(StorageError) -> [UInt8] {
    guard bytes.count >= range.upperBound else { throw .truncated(name, location: location) }
    return Array(bytes[range])
  }

  private func whole(_ answer: HTTPAnswer, _ count: Int, _ name: ObjectName) throws(StorageError) -> [UInt8] {
    guard answer.body.count == count, !answer.isCut else {
      throw .failed(
        name, location: location,
        StorageFailure(
          .transient, S3Operation.get.rawValue,
          reason: "the server sent \(answer.isCut ? "more than " : "")\(answer.body.count) bytes, not \(count)"))
    }
    return answer.body
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    let answer = try head(name, .status, cancellation)
    guard let size = answer.header("content-length").flatMap({ Int($0) }), size >= 0,
      let received = answer.header("last-modified").flatMap({ AWSTime.http($0) })
    else {
      throw .failed(
        name, location: location,
        StorageFailure(.permanent, S3Operation.status.rawValue, reason: "the answer has no size or no time"))
    }
    return ObjectStatus(name: name, size: size, received: received)
  }

  /// Where the server has told a put's sum, and tells the same now, nothing is read.
  func stands(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, beginning: Int, cancellation: Cancellation?
  ) throws(StorageError) -> Bool {
    if let sum = guardian.sum(of: name, content), try Self.sum(head(name, .status, cancellation)) == sum { return true }
    return try begins(name, content, beginning, cancellation)
  }

  /// What a server says of an object's bytes: their MD5, as a rule (the tag of what was put in one piece and is not encrypted there).
  private static func sum(_ answer: HTTPAnswer) -> String? {
    answer.header("etag")?.after(beginning: "\"")?.before(end: "\"")
  }

  /// Such an answer has no body; what a refusal means beyond its number is asked by a request that has one.
  func head(
    _ name: ObjectName, _ operation: S3Operation, _ cancellation: Cancellation?
  ) throws(StorageError) -> HTTPAnswer {
    let key = key(name.path)
    switch try client.send(
      .init(operation: operation, method: .head, key: key, name: name), cancellation: cancellation)
    {
    case .done(let answer):
      guardian.noteBucket()
      return answer
    case .refused(let refusal, let error, _):
      if error.kind == .transient || refusal.status == 404 && guardian.knowsBucket { throw error }
      let small = S3Client.Request(operation: operation, key: key, name: name, headers: [("Range", "bytes=0-0")])
      switch try client.send(small, cancellation: cancellation) {
      // Credentials that had ended are renewed by now, as nobody could tell from the first answer; or it is there only now.
      case .done: return try answer(.init(operation: operation, method: .head, key: key, name: name), cancellation)
      case .refused(let refusal, let telling, _):
        if refusal.isMissing { guardian.noteBucket() }
        throw telling
      }
    }
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    let request = S3Client.Request(operation: .delete, method: .delete, key: key(name.path), name: name)
    switch try client.send(request, cancellation: cancellation) {
    case .done: return
    case .refused(let refusal, let error, _):
      if refusal.isMissing { return }
      guard error.kind == .denied, let until = try lockEnd(name, cancellation) else { throw error }
      throw .failed(
        name, location: location,
        StorageFailure(
          .denied, S3Operation.delete.rawValue, reason: "the object is locked until \(AWSTime.iso8601(until))",
          suggestion: "Run the command again after that; 's3: object_lock_days' says for how long objects are locked"))
    }
  }

  /// - Throws: When the answer does not say success.
  func answer(_ request: S3Client.Request, _ cancellation: Cancellation?) throws(StorageError) -> HTTPAnswer {
    switch try client.send(request, cancellation: cancellation) {
    case .done(let answer):
      guardian.noteBucket()
      return answer
    case .refused(_, let error, _): throw error
    }
  }

  // MARK: - Puts that did not come to their end leave nothing

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] { [] }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {}
}
