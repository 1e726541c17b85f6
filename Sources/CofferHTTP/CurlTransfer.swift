import CCurl
import CofferSystem

/// Transfers by libcurl, one after the other: connections to the same server are kept between them. Used by one thread at a
/// time.
package final class CurlTransfer {
  private let handle: UnsafeMutableRawPointer
  private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private var upload: ArraySlice<UInt8> = []
  private var limit = 0
  private var cancellation: Cancellation?
  /// What the server sent, up to the limit.
  package private(set) var received: [UInt8] = []
  /// The lines of the last answer's head, as they came.
  package private(set) var head: [String] = []
  /// Whether the server sent more than the limit.
  package private(set) var isCut = false

  /// Bytes of an answer's head at most; a server could send lines without end.
  private static let headLimit = 64 << 10
  private var headSize = 0

  /// A transfer that could not be made, in libcurl's words.
  package struct Failure: Error {
    package let reason: String
    /// Whether it is about the server's certificate.
    package var isUntrusted = false
  }

  package init() throws(Failure) {
    if let problem = coffer_curl_problem() { throw Failure(reason: String(cString: problem)) }
    guard let handle = coffer_curl_start() else { throw Failure(reason: "libcurl could not be started") }
    self.handle = handle
    message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    coffer_curl_end(handle)
    for list in lists { coffer_curl_free(list) }
    message.deallocate()
  }

  /// Forgets everything that was set, but not the connections.
  ///
  /// - Parameters:
  ///   - limit: Bytes of an answer that are kept; a longer one is cut.
  ///   - cancellation: Stops the transfer.
  package func begin(limit: Int, cancellation: Cancellation? = nil) {
    coffer_curl_reset(handle)
    for list in lists { coffer_curl_free(list) }
    lists = []
    self.limit = limit
    self.cancellation = cancellation
    (received, head, headSize, isCut) = ([], [], 0, false)
    message.pointee = 0
    coffer_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message)
    coffer_curl_set_number(handle, CURLOPT_NOSIGNAL, 1)
    // The transfer outlives its handle, so the pointer that the callbacks get stays good.
    let context = Unmanaged.passUnretained(self).toOpaque()
    coffer_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    coffer_curl_set_callback(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      CurlTransfer.of(context).receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    coffer_curl_set_pointer(handle, CURLOPT_READDATA, context)
    coffer_curl_set_callback(handle, CURLOPT_READFUNCTION) { bytes, size, count, context in
      CurlTransfer.of(context).send(into: UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
    }
    coffer_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    coffer_curl_set_callback(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      CurlTransfer.of(context).receiveHead(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    guard cancellation != nil else { return }
    coffer_curl_set_number(handle, CURLOPT_NOPROGRESS, 0)
    coffer_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
    coffer_curl_set_progress(handle) { context, _, _, _, _ in
      CurlTransfer.of(context).cancellation?.isCancelled == true ? 1 : 0
    }
  }

  private static func of(_ context: UnsafeMutableRawPointer?) -> CurlTransfer {
    guard let context else { preconditionFailure("the context was set with the callback") }
    return Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    let part = bytes.prefix(limit - received.count)
    received.append(contentsOf: part)
    isCut = isCut || part.count < bytes.count
    return bytes.count
  }

  private func receiveHead(_ bytes: UnsafeRawBufferPointer) -> Int {
    let line = String(decoding: bytes, as: UTF8.self).trimmed
    // Heads of redirections and of "100 Continue" come before the answer's own.
    if line.begins(with: "HTTP/") { (head, headSize) = ([], 0) }
    headSize += bytes.count
    guard headSize <= Self.headLimit else { return 0 }
    head.append(line)
    return bytes.count
  }

  private func send(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let part = upload.prefix(buffer.count)
    buffer.copyBytes(from: part)
    upload = upload.dropFirst(part.count)
    return part.count
  }

  package func set(_ option: CURLoption, _ number: Int) throws(Failure) {
    try check(coffer_curl_set_number(handle, option, number))
  }

  /// libcurl copies the text.
  package func set(_ option: CURLoption, _ text: String) throws(Failure) {
    try check(coffer_curl_set_text(handle, option, text))
  }

  package func set(_ option: CURLoption, _ texts: [String]) throws(Failure) {
    var list: UnsafeMutablePointer<curl_slist>?
    for text in texts { list = coffer_curl_append(list, text) ?? list }
    guard let list else { return }
    lists.append(list)
    try check(coffer_curl_set_pointer(handle, option, list))
  }

  /// Does it.
  package func perform() throws(Failure) { try check(coffer_curl_perform(handle)) }

  /// Does it with a body that is read piece by piece, as mails are.
  package func perform(uploading bytes: [UInt8]) throws(Failure) {
    upload = bytes[...]
    defer { upload = [] }
    try set(CURLOPT_UPLOAD, 1)
    try perform()
  }

  /// Does it with a body that is sent from where it is, again if a kept connection turns out to be dead; also an empty one
  /// is sent.
  package func perform(posting body: UnsafeRawBufferPointer) throws(Failure) {
    try set(CURLOPT_POSTFIELDSIZE, body.count)
    if let start = body.baseAddress, !body.isEmpty {
      try check(coffer_curl_set_pointer(handle, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: start)))
    } else {
      try set(CURLOPT_COPYPOSTFIELDS, "")
    }
    try perform()
  }

  /// The server's answer in numbers: the HTTP status, for example.
  package var responseCode: Int { number(CURLINFO_RESPONSE_CODE) }

  /// Connections that had to be made for the last transfer.
  package var newConnections: Int { number(CURLINFO_NUM_CONNECTS) }

  private func number(_ fact: CURLINFO) -> Int {
    var number = 0
    coffer_curl_get_number(handle, fact, &number)
    return number
  }

  /// Where the answer says that what was asked for is, from the scheme on; nil when it says nothing of the kind.
  package var redirection: String? {
    var text: UnsafeMutablePointer<CChar>?
    guard coffer_curl_get_text(handle, CURLINFO_REDIRECT_URL, &text) == CURLE_OK, let text else { return nil }
    return String(cString: text)
  }

  private func check(_ code: CURLcode) throws(Failure) {
    guard code != CURLE_OK else { return }
    let detail = String(cString: message)
    throw Failure(
      reason: detail.isEmpty ? String(cString: coffer_curl_text(code)) : detail,
      isUntrusted: code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
  }
}
