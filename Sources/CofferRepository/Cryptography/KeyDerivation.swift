import COpenSSL
import CofferSystem

/// Making keys from other secrets.
enum KeyDerivation {
  /// HKDF with SHA-256 (RFC 5869), extract and expand.
  ///
  /// - Parameter label: What the key is for; the `info` of the RFC.
  static func hkdf(secret: SecretBytes, salt: [UInt8], label: String, count: Int) throws -> SecretBytes {
    let parameters = ParameterList()
    parameters.text(OSSL_KDF_PARAM_DIGEST, "SHA256")
    secret.withUnsafeBytes { parameters.octets(OSSL_KDF_PARAM_KEY, $0) }
    parameters.octets(OSSL_KDF_PARAM_SALT, salt)
    parameters.octets(OSSL_KDF_PARAM_INFO, Array(label.utf8))
    return try derive("HKDF", parameters, count: count)
  }

  /// scrypt (RFC 7914).
  ///
  /// - Parameter logN: The binary logarithm of the cost; memory is `128 * r * 2^logN` bytes.
  /// - Throws: `CryptographyError.unacceptable` for parameters that nobody would choose in earnest.
  static func scrypt(
    passphrase: SecretBytes, salt: [UInt8], logN: Int, r: Int, p: Int, count: Int
  ) throws -> SecretBytes {
    guard (4...20).contains(logN), (1...16).contains(r), (1...4).contains(p), salt.count <= 64 else {
      throw CryptographyError.unacceptable("The passphrase's cost")
    }
    let parameters = ParameterList()
    passphrase.withUnsafeBytes { parameters.octets(OSSL_KDF_PARAM_PASSWORD, $0) }
    parameters.octets(OSSL_KDF_PARAM_SALT, salt)
    parameters.number(OSSL_KDF_PARAM_SCRYPT_N, UInt64(1) << UInt64(logN))
    parameters.number(OSSL_KDF_PARAM_SCRYPT_R, UInt64(r))
    parameters.number(OSSL_KDF_PARAM_SCRYPT_P, UInt64(p))
    parameters.number(OSSL_KDF_PARAM_SCRYPT_MAXMEM, UInt64(4) << 30)
    return try derive("SCRYPT", parameters, count: count)
  }

  private static func derive(_ name: String, _ parameters: ParameterList, count: Int) throws -> SecretBytes {
    guard let algorithm = EVP_KDF_fetch(nil, name, nil) else { throw CryptographyError.library(name) }
    defer { EVP_KDF_free(algorithm) }
    guard let context = EVP_KDF_CTX_new(algorithm) else { throw CryptographyError.library(name) }
    defer { EVP_KDF_CTX_free(context) }
    var output = [UInt8](repeating: 0, count: count)
    defer { output.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
    guard EVP_KDF_derive(context, &output, count, parameters.terminated) == 1 else {
      throw CryptographyError.library(name)
    }
    return SecretBytes(copying: output)
  }
}
