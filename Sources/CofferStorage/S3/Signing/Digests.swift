import COpenSSL
import CofferSystem

/// The sums that requests carry, by OpenSSL.
enum Digests {
  /// SHA-256 (FIPS 180-4); 32 bytes.
  static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { digest("SHA256", bytes, count: 32) }

  static func sha256(_ text: String) -> [UInt8] { Array(text.utf8).withUnsafeBytes { sha256($0) } }

  /// MD5 (RFC 1321), which only guards against chance; 16 bytes.
  ///
  /// - Returns: nil where the machine's rules forbid it.
  static func md5(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    var (output, count) = ([UInt8](repeating: 0, count: 16), 0)
    guard EVP_Q_digest(nil, "MD5", nil, bytes.baseAddress, bytes.count, &output, &count) == 1, count == 16 else {
      return nil
    }
    return output
  }

  /// Bytes from which on a thread is worth it.
  private static let largeSize = 256 << 10

  /// nil where the machine's rules forbid it.
  typealias Sums = (md5: [UInt8]?, sha256: [UInt8])

  /// Both sums that a put carries, made at the same time where there is much of it: until they are there nothing can be sent.
  static func sums(of bytes: UnsafeRawBufferPointer) -> Sums {
    guard bytes.count >= largeSize else { return (md5(bytes), sha256(bytes)) }
    // Neither thread changes the bytes.
    let (other, handed) = (Monitor<[UInt8]>([]), HandedOver(bytes))
    guard let thread = try? WorkerThread(name: "sum", { other.update { $0 = sha256(handed.value) } }) else {
      return (md5(bytes), sha256(bytes))
    }
    let own = md5(bytes)
    thread.join()
    return (own, other.update { $0 })
  }

  /// HMAC with SHA-256 (RFC 2104); 32 bytes.
  static func hmac(_ key: [UInt8], _ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var (output, count) = ([UInt8](repeating: 0, count: 32), 0)
    let result = EVP_Q_mac(
      nil, "HMAC", nil, "SHA256", nil, key, key.count, bytes, bytes.count, &output, output.count, &count)
    precondition(result != nil && count == 32, "OpenSSL has no HMAC with SHA-256")
    return output
  }

  /// Lower-case digits.
  static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  private static func digest(_ name: String, _ bytes: UnsafeRawBufferPointer, count expected: Int) -> [UInt8] {
    var (output, count) = ([UInt8](repeating: 0, count: expected), 0)
    let result = EVP_Q_digest(nil, name, nil, bytes.baseAddress, bytes.count, &output, &count)
    precondition(result == 1 && count == expected, "OpenSSL has no \(name)")
    return output
  }
}
