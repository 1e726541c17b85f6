import CofferSystem
import Foundation
import Synchronization

/// An HTTP server on 127.0.0.1 that notes every request and answers as it is told.
public final class RecordingHTTPServer: Sendable {
  public struct Request: Sendable, Equatable {
    public let method: String
    /// Path and query.
    public let target: String
    /// By names in lower case.
    public let headers: [String: String]
    public let body: String
  }

  public struct Answer: Sendable {
    public var status = 200
    public var body = ""
    public var headers: [String] = []
    /// The length of the body that the answer tells of, if not its own; the connection ends behind such a one.
    public var announcedLength: Int?
    /// Whether the connection ends in place of the answer.
    public var isLost = false

    public init(
      status: Int = 200, body: String = "", headers: [String] = [], announcedLength: Int? = nil, isLost: Bool = false
    ) {
      self.status = status
      self.body = body
      self.headers = headers
      self.announcedLength = announcedLength
      self.isLost = isLost
    }
  }

  public struct NotStarted: Error {}

  public let port: Int
  private let listener: Int32
  private let noted = Mutex<[Request]>([])
  private let open = Mutex<[Int32]>([])
  private let answer: @Sendable (Request) -> Answer?
  private let keepsConnections: Bool

  /// - Parameters:
  ///   - keepsConnections: Whether further requests may come by the same connection.
  ///   - answer: nil to take the request and never answer.
  public init(
    keepsConnections: Bool = false, answer: @escaping @Sendable (Request) -> Answer? = { _ in Answer() }
  ) throws {
    self.keepsConnections = keepsConnections
    self.answer = answer
    let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && listen(socket, 16) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    guard isBound else { throw NotStarted() }
    listener = socket
    port = Int(UInt16(bigEndian: address.sin_port))
    _ = try WorkerThread(name: "http") { [weak self, listener] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { break }
        let thread = try? WorkerThread(name: "http-connection") { [weak self] in
          if let self { serve(connection) } else { close(connection) }
        }
        if thread == nil { close(connection) }
      }
      // Not before: the number would be another server's by the time at which this one accepts.
      close(listener)
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    for connection in open.withLock({ $0 }) { close(connection) }
  }

  public var url: String { "http://127.0.0.1:\(port)" }

  /// What was asked so far.
  public var requests: [Request] { noted.withLock { $0 } }

  private func serve(_ connection: Int32) {
    guard let request = Self.read(connection) else {
      close(connection)
      return
    }
    noted.withLock { $0.append(request) }
    guard let answer = answer(request) else {
      open.withLock { $0.append(connection) }
      return
    }
    if answer.isLost {
      shutdown(connection, Int32(SHUT_RDWR))
      close(connection)
      return
    }
    let isKept = keepsConnections && (answer.announcedLength == nil || request.method == "HEAD")
    let lines = [
      "HTTP/1.1 \(answer.status) Answer", "Content-Length: \(answer.announcedLength ?? answer.body.utf8.count)",
      "Connection: \(isKept ? "keep-alive" : "close")",
    ]
    let text = (lines + answer.headers).joined(separator: "\r\n") + "\r\n\r\n" + answer.body
    _ = Array(text.utf8).withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    if isKept { return serve(connection) }
    close(connection)
  }

  private static func read(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      if let request = parse(bytes) { return request }
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
    }
  }

  /// - Returns: nil while something is missing.
  private static func parse(_ bytes: [UInt8]) -> Request? {
    guard let end = Data(bytes).range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      headers[parts[0].lowercased()] = parts.count > 1 ? parts[1] : ""
    }
    let body = bytes[end.upperBound...]
    guard words.count == 3, body.count >= Int(headers["content-length"] ?? "0") ?? 0 else { return nil }
    return Request(
      method: words[0], target: words[1], headers: headers, body: String(decoding: body, as: UTF8.self))
  }
}
