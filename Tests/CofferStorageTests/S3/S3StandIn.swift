import Foundation
import Synchronization
import TestSupport

@testable import CofferStorage

/// A small server of object storage that does wrong what it is told to. What is stored are texts.
final class S3StandIn: Sendable {
  enum Fault: Sendable {
    /// Nothing is done, and this is answered.
    case answer(RecordingHTTPServer.Answer)
    /// What is asked for is done, but the connection ends in place of the answer.
    case lostAnswer
    /// Half of the body comes.
    case cutBody
    /// Nothing is done or answered, and the connection stays.
    case silence

    static func refusal(_ status: Int, _ code: String, _ more: String = "", headers: [String] = []) -> Fault {
      .answer(.init(status: status, body: S3StandIn.error(code, more), headers: headers))
    }
  }

  /// What it calls the bytes of objects.
  enum Tags: Sendable, CaseIterable {
    case none, sums, weakSums, sizes
  }

  private let objects: Mutex<[String: String]>
  private let isExclusive: Bool
  private let knowsRanges: Bool
  private let pageSize: Int
  private let tags: Tags
  private let fault: @Sendable (_ number: Int, RecordingHTTPServer.Request) -> Fault?
  private let count = Mutex(0)
  private let server = Mutex<RecordingHTTPServer?>(nil)

  /// - Parameters:
  ///   - isExclusive: Whether it refuses to overwrite when it is asked to.
  ///   - fault: Told the number of the request, from 0 on.
  init(
    objects: [String: String] = [:], isExclusive: Bool = true, knowsRanges: Bool = true, pageSize: Int = 1000,
    tags: Tags = .none,
    fault: @escaping @Sendable (_ number: Int, RecordingHTTPServer.Request) -> Fault? = { _, _ in nil }
  ) throws {
    self.objects = Mutex(objects)
    self.isExclusive = isExclusive
    self.knowsRanges = knowsRanges
    self.pageSize = pageSize
    self.tags = tags
    self.fault = fault
    let server = try RecordingHTTPServer(keepsConnections: true) { [weak self] in self?.answer($0) }
    self.server.withLock { $0 = server }
  }

  private var running: RecordingHTTPServer {
    guard let server = server.withLock({ $0 }) else { preconditionFailure("it is started when it is made") }
    return server
  }

  /// Of a repository in it.
  var address: String { "s3:\(running.url)/bucket/pre" }
  var requests: [RecordingHTTPServer.Request] { running.requests }
  /// By their keys.
  var content: [String: String] { objects.withLock { $0 } }

  static func error(_ code: String, _ more: String = "") -> String {
    "<?xml version=\"1.0\"?>\n<Error><Code>\(code)</Code><Message>It is \(code).</Message>\(more)</Error>"
  }

  private func answer(_ request: RecordingHTTPServer.Request) -> RecordingHTTPServer.Answer? {
    let number = count.withLock { count in
      defer { count += 1 }
      return count
    }
    switch fault(number, request) {
    case nil: return done(request)
    case .silence: return nil
    case .answer(let answer): return request.method == "HEAD" ? bodiless(answer) : answer
    case .lostAnswer:
      _ = done(request)
      return .init(isLost: true)
    case .cutBody:
      var answer = done(request)
      answer.announcedLength = answer.body.utf8.count
      answer.body = String(answer.body.prefix(answer.body.count / 2))
      return answer
    }
  }

  private func bodiless(_ answer: RecordingHTTPServer.Answer) -> RecordingHTTPServer.Answer {
    var answer = answer
    answer.announcedLength = answer.announcedLength ?? answer.body.utf8.count
    answer.body = ""
    return answer
  }

  private func done(_ request: RecordingHTTPServer.Request) -> RecordingHTTPServer.Answer {
    let parts = request.target.split(separator: "?", maxSplits: 1)
    let path = parts[0].split(separator: "/", maxSplits: 1)
    let key = path.count > 1 ? String(path[1]) : ""
    switch (request.method, key) {
    case ("PUT", _) where parts.last == "retention=": return .init()
    case ("GET", ""): return list(parts.count > 1 ? String(parts[1]) : "")
    case ("PUT", _):
      let isGuarded = isExclusive && request.headers["if-none-match"] == "*"
      let isDone = objects.withLock { objects in
        if isGuarded, objects[key] != nil { return false }
        objects[key] = request.body
        return true
      }
      guard isDone else { return .init(status: 412, body: Self.error("PreconditionFailed")) }
      return .init(headers: tags(of: request.body))
    case ("DELETE", _):
      objects.withLock { $0[key] = nil }
      return .init(status: 204)
    case (_, _):
      guard let object = objects.withLock({ $0[key] }) else {
        let missing = RecordingHTTPServer.Answer(status: 404, body: Self.error("NoSuchKey"))
        return request.method == "HEAD" ? bodiless(missing) : missing
      }
      let answer = part(of: object, request.headers["range"])
      return request.method == "HEAD" ? bodiless(answer) : answer
    }
  }

  private func part(of object: String, _ range: String?) -> RecordingHTTPServer.Answer {
    let headers = ["Last-Modified: Fri, 24 May 2013 00:00:00 GMT"] + tags(of: object)
    guard knowsRanges, let range,
      let ends = range.split(separator: "=").last?.split(separator: "-").compactMap({ Int($0) })
    else { return .init(body: object, headers: headers) }
    let bytes = Array(object.utf8)
    guard ends[0] < bytes.count else { return .init(status: 416, body: Self.error("InvalidRange")) }
    let last = min(ends[1], bytes.count - 1)
    return .init(
      status: 206, body: String(decoding: bytes[ends[0]...last], as: UTF8.self),
      headers: headers + ["Content-Range: bytes \(ends[0])-\(last)/\(bytes.count)"])
  }

  private func tags(of object: String) -> [String] {
    let sum = Array(object.utf8).withUnsafeBytes { Digests.md5($0) }.map { Digests.hexadecimal($0) } ?? "none"
    return switch tags {
    case .none: []
    case .sums: ["ETag: \"\(sum)\""]
    case .weakSums: ["ETag: W/\"\(sum)\""]
    case .sizes: ["ETag: \"\(object.utf8.count)\""]
    }
  }

  private func list(_ query: String) -> RecordingHTTPServer.Answer {
    var fields: [String: String] = [:]
    for field in query.split(separator: "&") {
      let halves = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      fields[String(halves[0])] = halves[1].removingPercentEncoding
    }
    let start = fields["continuation-token"] ?? fields["start-after"] ?? ""
    let prefix = fields["prefix"] ?? ""
    let keys = content.keys.filter { $0.hasPrefix(prefix) && start.utf8.lexicographicallyPrecedes($0.utf8) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let page = keys.prefix(pageSize)
    return .init(body: S3DocumentTests.list(Array(page), next: page.count < keys.count ? page.last : nil))
  }
}
