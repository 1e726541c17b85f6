import CCurl
import CofferSystem
import Foundation

/// One transfer by libcurl, made for one use.
final class CurlTransfer {
  private let handle: UnsafeMutableRawPointer
  private let message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private var upload: ArraySlice<UInt8> = []
  /// What the server sent, up to a limit: answers are only shown in messages.
  private(set) var received: [UInt8] = []

  private static let receiveLimit = 64 << 10

  /// A transfer that could not be made, in libcurl's words.
  struct Failure: Error {
    let reason: String
  }

  init() throws(Failure) {
    guard let handle = curl_easy_init() else { throw Failure(reason: "libcurl could not be started") }
    self.handle = handle
    message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
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
  }

  deinit {
    curl_easy_cleanup(handle)
    for list in lists { curl_slist_free_all(list) }
    message.deallocate()
  }

  private static func of(_ context: UnsafeMutableRawPointer?) -> CurlTransfer {
    guard let context else { preconditionFailure("the context was set with the callback") }
    return Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    received.append(contentsOf: bytes.prefix(Self.receiveLimit - received.count))
    return bytes.count
  }

  private func send(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let part = upload.prefix(buffer.count)
    buffer.copyBytes(from: part)
    upload = upload.dropFirst(part.count)
    return part.count
  }

  func set(_ option: CURLoption, _ number: Int) throws(Failure) {
    try check(coffer_curl_set_number(handle, option, number))
  }

  /// libcurl copies the text.
  func set(_ option: CURLoption, _ text: String) throws(Failure) {
    try check(coffer_curl_set_text(handle, option, text))
  }

  func set(_ option: CURLoption, _ texts: [String]) throws(Failure) {
    var list: UnsafeMutablePointer<curl_slist>?
    for text in texts { list = curl_slist_append(list, text) ?? list }
    guard let list else { return }
    lists.append(list)
    try check(coffer_curl_set_pointer(handle, option, list))
  }

  /// Sets a body that libcurl copies; also an empty one is sent.
  func setBody(_ bytes: [UInt8]) throws(Failure) {
    try set(CURLOPT_POSTFIELDSIZE, bytes.count)
    let code = (bytes + [0]).withUnsafeBytes { buffer in
      coffer_curl_set_text(handle, CURLOPT_COPYPOSTFIELDS, buffer.bindMemory(to: CChar.self).baseAddress)
    }
    try check(code)
  }

  /// Sets what is read piece by piece.
  func setUpload(_ bytes: [UInt8]) throws(Failure) {
    upload = bytes[...]
    try set(CURLOPT_UPLOAD, 1)
  }

  /// Does it.
  func perform() throws(Failure) {
    try check(curl_easy_perform(handle))
  }

  /// The server's answer in numbers: the HTTP status, for example.
  var responseCode: Int {
    var code = 0
    coffer_curl_get_number(handle, CURLINFO_RESPONSE_CODE, &code)
    return code
  }

  /// Where the answer says that what was asked for is, from the scheme on; nil when it says nothing of the kind.
  var redirection: String? {
    var text: UnsafeMutablePointer<CChar>?
    guard coffer_curl_get_text(handle, CURLINFO_REDIRECT_URL, &text) == CURLE_OK, let text else { return nil }
    return String(cString: text)
  }

  private func check(_ code: CURLcode) throws(Failure) {
    guard code != CURLE_OK else { return }
    let detail = String(cString: message)
    throw Failure(reason: detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail)
  }
}
