import COpenSSL

/// An OSSL_PARAM array that owns copies of its names and values and wipes them.
///
/// OpenSSL keeps the pointers it is given, and a Swift string passed as a C string lives only for the call.
final class ParameterList {
  private var entries: [OSSL_PARAM] = []
  private var storage: [UnsafeMutableRawBufferPointer] = []

  deinit {
    for part in storage {
      SecretBytes.wipe(part)
      part.deallocate()
    }
  }

  /// The array with its end mark; valid as long as the list lives.
  var terminated: [OSSL_PARAM] { entries + [OSSL_PARAM_construct_end()] }

  func octets(_ name: String, _ bytes: UnsafeRawBufferPointer) {
    entries.append(OSSL_PARAM_construct_octet_string(keep(name), keep(bytes).baseAddress, bytes.count))
  }

  func octets(_ name: String, _ bytes: [UInt8]) {
    bytes.withUnsafeBytes { octets(name, $0) }
  }

  func text(_ name: String, _ text: String) {
    entries.append(OSSL_PARAM_construct_utf8_string(keep(name), keep(text), 0))
  }

  func number(_ name: String, _ value: UInt64) {
    let copy = withUnsafeBytes(of: value) { keep($0) }
    entries.append(
      OSSL_PARAM_construct_uint64(keep(name), copy.baseAddress?.assumingMemoryBound(to: UInt64.self)))
  }

  private func keep(_ text: String) -> UnsafeMutablePointer<CChar>? {
    text.utf8CString.withUnsafeBytes { keep($0) }.baseAddress?.assumingMemoryBound(to: CChar.self)
  }

  private func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawBufferPointer {
    // At least one byte: OpenSSL takes a null pointer for a missing value.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 8)
    copy.copyMemory(from: bytes)
    storage.append(copy)
    return copy
  }
}
