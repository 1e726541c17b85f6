import CofferSystem

/// A segment of a log that says itself which part of the log it is.
public protocol LogSlice: Sendable {
  /// What messages call what it is a part of: `a binary log`.
  static var logTitle: String { get }

  /// Bytes of it at most, as it is stored.
  static var storedLimit: Int { get }

  /// Reads what was stored.
  ///
  /// - Throws: `MalformedSlice`.
  init(decoding bytes: UnsafeRawBufferPointer) throws(MalformedSlice)

  /// Whether nothing is missing between another slice and this one.
  func follows(_ other: Self) -> Bool
}

extension LogSlice {
  /// A log's slices are numbered from here on.
  public static var firstNumber: UInt64 { 1 }

  /// Reads what was stored, behind what each slice begins with.
  ///
  /// - Parameter read: Reads the rest; returns nil for what no slice can hold.
  static func read(
    _ bytes: UnsafeRawBufferPointer, magic: [UInt8], version: UInt8, _ read: (inout ByteReader) throws -> Self?
  ) throws(MalformedSlice) -> Self {
    var reader = ByteReader(bytes)
    do {
      if try reader.raw(magic.count).elementsEqual(magic), try reader.byte() == version, let slice = try read(&reader) {
        return slice
      }
    } catch {
      // Cut short, or with a length that there is no room for.
    }
    throw MalformedSlice()
  }
}

/// What was stored is not a slice.
public struct MalformedSlice: Error, Equatable {}
