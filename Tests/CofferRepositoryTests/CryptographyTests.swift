import Testing

@testable import CofferRepository

private func bytes(_ hex: String) -> [UInt8] { Hexadecimal.decode(hex)! }
private func secret(_ hex: String) -> SecretBytes { SecretBytes(copying: bytes(hex)) }
private let counting = SecretBytes(copying: (0..<32).map { UInt8($0) })

@Suite("Cryptography gives the published answers")
struct CryptographyTests {
  @Test("Keyed BLAKE2b agrees with an independent implementation")
  func authenticationCode() throws {
    let code = try MessageAuthentication.code(of: Array("abc".utf8), key: counting)
    #expect(code.hex == "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f")
  }

  @Test("The content hash is the first half of BLAKE2b-512, however the bytes are cut")
  func contentHash() throws {
    let hasher = try ContentHasher()
    try Array("a".utf8).withUnsafeBytes { try hasher.update($0) }
    try Array("bc".utf8).withUnsafeBytes { try hasher.update($0) }
    let expected = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
    #expect(try hasher.finish().hex == expected)
    #expect(try Array("abc".utf8).withUnsafeBytes { try ContentHasher.hash($0) }.hex == expected)
  }

  @Test("HKDF gives RFC 5869's third test case")
  func hkdf() throws {
    let key = try KeyDerivation.hkdf(
      secret: SecretBytes(copying: [UInt8](repeating: 0x0b, count: 22)), salt: [], label: "", count: 42)
    #expect(
      Hexadecimal.encode(key.copied())
        == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
  }

  @Test("scrypt gives RFC 7914's answer and refuses parameters out of bounds")
  func scrypt() throws {
    let key = try KeyDerivation.scrypt(
      passphrase: SecretBytes(passphrase: "pleaseletmein"), salt: Array("SodiumChloride".utf8), logN: 14, r: 8, p: 1,
      count: 64)
    #expect(
      Hexadecimal.encode(key.copied()).hasPrefix("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"))
    for (logN, r, p) in [(21, 8, 1), (14, 17, 1), (14, 8, 5), (3, 8, 1)] {
      #expect(throws: CryptographyError.self) {
        try KeyDerivation.scrypt(passphrase: counting, salt: [1], logN: logN, r: r, p: p, count: 32)
      }
    }
  }

  @Test("AES-256-GCM gives the answer of the GCM specification's test case 14 under nonce 0")
  func gcm() throws {
    let cipher = try AuthenticatedCipher(suite: .aes256gcm, key: SecretBytes(copying: [UInt8](repeating: 0, count: 32)))
    let sealed = try cipher.sealed([UInt8](repeating: 0, count: 16), nonce: 0, associatedData: [])
    #expect(
      Hexadecimal.encode(sealed) == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
  }

  @Test(
    "Both ciphers give back what was sealed, and nothing of what was changed",
    arguments: [CipherSuite.aes256gcm, .chaCha20Poly1305])
  func ciphers(suite: CipherSuite) throws {
    let cipher = try AuthenticatedCipher(suite: suite, key: counting)
    let plain = noise(1000)
    let sealed = try cipher.sealed(plain, nonce: 7, associatedData: [1, 2])
    #expect(try cipher.opened(sealed, nonce: 7, associatedData: [1, 2]) == plain)
    for position in [0, 500, 999, 1000, 1015] {
      var changed = sealed
      changed[position] ^= 1
      #expect(throws: CryptographyError.authenticationFailed) {
        try cipher.opened(changed, nonce: 7, associatedData: [1, 2])
      }
    }
    #expect(throws: CryptographyError.authenticationFailed) {
      try cipher.opened(sealed, nonce: 8, associatedData: [1, 2])
    }
    #expect(throws: CryptographyError.authenticationFailed) {
      try cipher.opened(sealed, nonce: 7, associatedData: [1, 3])
    }
    #expect(throws: CryptographyError.authenticationFailed) {
      try cipher.opened([1, 2, 3], nonce: 7, associatedData: [])
    }
  }

  @Test("X25519 agrees with an independent implementation and refuses keys of low order")
  func x25519() throws {
    let own = SecretBytes(copying: (1...32).map { UInt8($0) })
    let otherPublic = bytes("5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b")
    let shared = try X25519.agree(privateKey: own, publicKey: otherPublic)
    #expect(
      Hexadecimal.encode(shared.copied()) == "a84dc7c3c8f058b1b2dc4cd1e9b5dc0a7987f88b6a9564cde3391fc421159e77")
    #expect(throws: CryptographyError.self) {
      try X25519.agree(privateKey: own, publicKey: [UInt8](repeating: 0, count: 32))
    }
  }

  @Test("Ed25519 gives RFC 8032's second signature and refuses others")
  func ed25519() throws {
    let seed = secret("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    let publicKey = try Ed25519.publicKey(seed: seed)
    #expect(Hexadecimal.encode(publicKey) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    let signature = try Ed25519.sign([0x72], seed: seed)
    #expect(
      Hexadecimal.encode(signature)
        == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    #expect(try Ed25519.verify(signature, of: [0x72], publicKey: publicKey))
    #expect(try !Ed25519.verify(signature, of: [0x73], publicKey: publicKey))
    #expect(try !Ed25519.verify([UInt8](repeating: 0, count: 64), of: [0x72], publicKey: publicKey))
  }

  @Test("Secrets compare by content and print none of it")
  func secrets() {
    #expect(SecretBytes(passphrase: "abc").isEqual(to: SecretBytes(copying: Array("abc".utf8))))
    #expect(!SecretBytes(passphrase: "abc").isEqual(to: SecretBytes(passphrase: "abd")))
    #expect(!"\(SecretBytes(passphrase: "abc"))".contains("abc"))
  }
}
