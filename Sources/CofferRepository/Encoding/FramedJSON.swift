import FoundationEssentials

/// The clear text that some objects begin with: a magic, the length of what follows (4 bytes, little-endian), and a value
/// as JSON.
struct FramedJSON {
  let magic: [UInt8]

  init(magic: StaticString) {
    self.magic = magic.withUTF8Buffer { Array($0) }
  }

  /// Bytes before the JSON.
  private var headSize: Int { magic.count + 4 }

  func frame(_ json: Data) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw(magic)
    writer.fixed(UInt32(json.count))
    writer.raw(Array(json))
    return writer.bytes
  }

  /// Returns where the JSON stands by the length before it, which may lie: the range may go beyond the end.
  ///
  /// - Returns: nil for an object that does not begin like this, or ends there.
  func range(in bytes: [UInt8]) -> Range<Int>? {
    guard bytes.count > headSize, bytes.starts(with: magic) else { return nil }
    let length = bytes.withUnsafeBytes {
      Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: magic.count, as: UInt32.self)))
    }
    return headSize..<headSize + length
  }
}

/// JSON as the records of archives and dumps are written: keys in their order, times in seconds since 1970.
public enum RecordJSON {
  public static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.dateEncodingStrategy = .secondsSince1970
    return encoder
  }

  public static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .secondsSince1970
    return decoder
  }
}
