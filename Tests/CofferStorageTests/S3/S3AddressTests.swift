import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Where object storage is")
struct S3AddressTests {
  private func target(
    _ address: String, _ options: String = "", environment: [String: String] = [:]
  ) throws -> S3Target {
    try S3TestStore(address, options, environment: environment).store().client.target
  }

  @Test(
    "Addresses name server, bucket and prefix",
    arguments: [
      ("s3://bucket/a/b", "https://bucket.s3.us-east-1.amazonaws.com", "/a/b/key"),
      ("s3://bucket", "https://bucket.s3.us-east-1.amazonaws.com", "/key"),
      ("s3://bucket/a/", "https://bucket.s3.us-east-1.amazonaws.com", "/a/key"),
      ("s3://a.bucket/x", "https://s3.us-east-1.amazonaws.com", "/a.bucket/x/key"),
      ("s3:https://host/bucket/a b+c/é", "https://host", "/bucket/a%20b%2Bc/%C3%A9/key"),
      ("s3:https://Host:443/bucket", "https://host", "/bucket/key"),
      ("s3:https://host:9000/bucket", "https://host:9000", "/bucket/key"),
      ("s3:http://127.0.0.1:80/bucket", "http://127.0.0.1", "/bucket/key"),
      ("s3:http://127.9.9.9:8333/bucket", "http://127.9.9.9:8333", "/bucket/key"),
      ("s3:http://[::1]:8333/bucket/p", "http://[::1]:8333", "/bucket/p/key"),
      ("S3:HTTPS://host/bucket", "https://host", "/bucket/key"),
    ])
  func spelled(address: String, url: String, path: String) throws {
    let target = try target(address)
    #expect(target.url == url)
    #expect(target.path(of: target.prefix + "key") == path)
  }

  @Test(
    "What names no place is refused",
    arguments: [
      "s3:", "s3:bucket", "s3://", "s3:///x", "s3://b//x", "s3://b/../x", "s3://b/./x", "s3://-b/x", "s3://b ucket/x",
      "s3://b..c/x", "s3:https://host", "s3:https:///bucket", "s3:https://host/", "s3:ftp://host/bucket",
      "s3:https://user:secret@host/bucket", "s3:https://host:0/bucket", "s3:https://host:99999/bucket",
      "s3:https://host:x/bucket", "s3:https://ho?st/bucket", "s3://b/a\u{1}b", "s3://b?x/y",
      "s3:http://host/bucket", "s3:http://127.0.0.1.example.org/bucket", "s3:http://localhost.example.org/bucket",
    ])
  func refused(address: String) {
    let error = #expect(throws: S3ConfigurationError.self) { try target(address) }
    #expect(error?.description.contains(":secret") == false)
  }

  @Test("Options say server, region and style; the region is the file's or the environment's")
  func options() throws {
    #expect(try target("s3://b", "region: eu-west-1").url == "https://b.s3.eu-west-1.amazonaws.com")
    #expect(try target("s3://b", "region: cn-north-1").url == "https://b.s3.cn-north-1.amazonaws.com.cn")
    #expect(try target("s3://b", environment: ["AWS_REGION": "r-1", "AWS_DEFAULT_REGION": "r-2"]).region == "r-1")
    #expect(try target("s3://b", environment: ["AWS_DEFAULT_REGION": "r-2"]).region == "r-2")
    #expect(try target("s3://b", "endpoint: https://host:9000").url == "https://host:9000")
    #expect(try target("s3://b", "{endpoint: 'https://host/', path_style: false}").url == "https://b.host")
    #expect(try target("s3://b", "path_style: true").url == "https://s3.us-east-1.amazonaws.com")
    #expect(try target("s3:http://host/b", "allow_http: true").url == "http://host")
    #expect(try target("s3://b", "ca_file: ca.pem").authorities == "/here/ca.pem")
    #expect(throws: S3ConfigurationError.twoEndpoints) {
      try target("s3:https://host/b", "endpoint: https://other")
    }
    #expect(throws: S3ConfigurationError.malformedRegion("a/b")) { try target("s3://b", "region: a/b") }
    #expect(throws: S3ConfigurationError.incomplete(given: "access_key", missing: "secret_key")) {
      try target("s3://b", "access_key: a")
    }
    #expect(throws: S3ConfigurationError.incomplete(given: "secret_key", missing: "access_key")) {
      try target("s3://b", "secret_key: a")
    }
    #expect(throws: S3ConfigurationError.incomplete(given: "kms_key", missing: "server_side_encryption")) {
      try target("s3://b", "kms_key: a")
    }
    #expect(throws: S3ConfigurationError.archivingClass("DEEP_ARCHIVE")) {
      try target("s3://b", "storage_class: DEEP_ARCHIVE")
    }
    #expect(throws: S3ConfigurationError.malformedHeader(option: "storage_class")) {
      try target("s3://b", "storage_class: \"A\\r\\nB: c\"")
    }
  }

  @Test("What every put is to say is what the options say")
  func headers() throws {
    let target = try target(
      "s3://b",
      "{storage_class: STANDARD_IA, server_side_encryption: 'aws:kms', kms_key: alias/x, object_lock_days: 30, object_lock_mode: compliance}"
    )
    let headers = target.putHeaders(now: Date(timeIntervalSince1970: 1_369_353_600)).map { "\($0.0): \($0.1)" }
    #expect(
      headers == [
        "X-Amz-Storage-Class: STANDARD_IA", "X-Amz-Server-Side-Encryption: aws:kms",
        "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id: alias/x", "X-Amz-Object-Lock-Mode: COMPLIANCE",
        "X-Amz-Object-Lock-Retain-Until-Date: 2013-06-23T00:00:00Z",
      ])
    #expect(try self.target("s3://b").putHeaders(now: Date()).isEmpty)
  }
}
