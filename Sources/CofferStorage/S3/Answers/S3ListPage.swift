import CofferSystem
import FoundationEssentials

/// A page of a list of a bucket
/// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
struct S3ListPage {
  struct Entry {
    let key: String
    let size: Int
    let received: Date
  }

  let entries: [Entry]
  /// What the next page is asked for with; nil behind the last.
  let next: String?

  struct Malformed: Error {
    let reason: String
  }

  init(_ document: [UInt8]) throws(Malformed) {
    guard let root = try? XMLElement(document), root.name == "ListBucketResult" else {
      throw Malformed(reason: "the answer is no list")
    }
    var entries: [Entry] = []
    for element in root.children where element.name == "Contents" {
      guard let key = element.text("Key"), !key.isEmpty, let size = element.text("Size").flatMap({ Int($0.trimmed) }),
        size >= 0, let received = element.text("LastModified").flatMap({ AWSTime.iso8601($0.trimmed) })
      else { throw Malformed(reason: "an entry of the list has no key, size or time") }
      entries.append(Entry(key: key, size: size, received: received))
    }
    self.entries = entries
    switch root.text("IsTruncated")?.trimmed {
    case "true":
      guard let token = root.text("NextContinuationToken"), !token.isEmpty else {
        throw Malformed(reason: "the list goes on, but the answer does not say where")
      }
      next = token
    case "false", nil: next = nil
    default: throw Malformed(reason: "the answer does not say whether the list goes on")
    }
  }
}
