import Foundation
import Testing

@testable import CofferStorage

@Suite("Signatures of requests")
struct RequestSignatureTests {
  /// AWS's suite of tests of signatures, as it is kept at github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4:
  /// each request with the texts and the signature that belong to it.
  struct Vector: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let method: String
    let path: String
    let query: [[String]]
    let headers: [[String]]
    let body: String
    let isResolved: Bool
    let signsBody: Bool
    let token: String?
    /// Whether the session's token is added behind the signature, which S3 does not want.
    let addsTokenLater: Bool
    let canonical: String
    let stringToSign: String
    let signature: String

    var testDescription: String { name }

    static let all: [Vector] = {
      let folder = URL(filePath: #filePath).deletingLastPathComponent()
      guard let data = try? Data(contentsOf: folder.appending(path: "signature-vectors.json")) else { return [] }
      return (try? JSONDecoder().decode([Vector].self, from: data)) ?? []
    }()
  }

  @Test("All vectors are there")
  func complete() {
    #expect(Vector.all.count == 38)
  }

  @Test(
    "Every request of AWS's suite has its canonical form, its text to sign and its signature", arguments: Vector.all)
  func suite(_ vector: Vector) throws {
    let time = try #require(AWSTime.iso8601("2015-08-30T12:36:00Z"))
    let credentials = S3Credentials(
      accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      sessionToken: vector.addsTokenLater ? nil : vector.token, origin: "the suite")
    let signature = RequestSignature(
      credentials: credentials, region: "us-east-1", service: "service", time: time,
      paths: vector.isResolved ? .resolved : .asTheyAre, encodesPathsTwice: true)
    let payload = Digests.hexadecimal(Digests.sha256(vector.body))
    let headers = vector.headers.map { ($0[0], $0[1]) } + (vector.signsBody ? [("X-Amz-Content-Sha256", payload)] : [])
    let request = RequestSignature.Request(
      method: vector.method, path: vector.path, query: vector.query.map { ($0[0], $0[1]) }, headers: headers,
      payload: payload)
    let completed = signature.completed(request)
    #expect(signature.canonicalRequest(completed) == vector.canonical)
    #expect(signature.stringToSign(for: completed) == vector.stringToSign)
    #expect(signature.signature(of: vector.stringToSign) == vector.signature)
    #expect(signature.headers(for: request).last?.1.hasSuffix("Signature=\(vector.signature)") == true)
  }

  /// The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  @Test("The examples in the documentation of S3 have their signatures")
  func documentation() throws {
    let time = try #require(AWSTime.iso8601("2013-05-24T00:00:00Z"))
    let signature = RequestSignature(
      credentials: S3Credentials(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", origin: "the page"),
      region: "us-east-1", service: "s3", time: time)
    let empty = Digests.hexadecimal(Digests.sha256(""))
    func signed(
      _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [],
      payload: String
    ) -> String? {
      signature.headers(
        for: .init(
          method: method, path: path, query: query,
          headers: [("Host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", payload)] + headers,
          payload: payload)
      ).last?.1
    }
    let scope = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    #expect(
      signed("GET", "/test.txt", headers: [("Range", "bytes=0-9")], payload: empty)
        == "\(scope), SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    let body = Digests.hexadecimal(Digests.sha256("Welcome to Amazon S3."))
    #expect(
      signed(
        "PUT", "/test%24file.text",
        headers: [
          ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ], payload: body)
        == "\(scope), SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
        + "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    #expect(
      signed("GET", "/", query: [("lifecycle", "")], payload: empty)?.hasSuffix(
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543") == true)
    #expect(
      signed("GET", "/", query: [("prefix", "J"), ("max-keys", "2")], payload: empty)?.hasSuffix(
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7") == true)
  }

  /// RFC 1321, A.5; RFC 4231, test case 2; FIPS 180-4's example.
  @Test("Sums are those of their standards")
  func sums() {
    let abc = Array("abc".utf8)
    #expect(
      abc.withUnsafeBytes { Digests.hexadecimal(Digests.sha256($0)) }
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      abc.withUnsafeBytes { Digests.md5($0).map { Digests.hexadecimal($0) } } == "900150983cd24fb0d6963f7d28e17f72")
    #expect(
      Digests.hexadecimal(Digests.hmac(Array("Jefe".utf8), "what do ya want for nothing?"))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }

  @Test(
    "Both sums of a put are those that each is by itself, of little and of much",
    arguments: [1, 1000, 256 << 10, 3_000_000])
  func bothSums(_ count: Int) {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }.withUnsafeBytes { bytes in
      let both = Digests.sums(of: bytes)
      #expect(both.md5 == Digests.md5(bytes))
      #expect(both.sha256 == Digests.sha256(bytes))
    }
  }
}
