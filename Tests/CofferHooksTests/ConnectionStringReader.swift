import Foundation

/// libpq's own function for connection strings, of the library that psql uses.
struct ConnectionStringReader {
  struct Failure: Error {
    let message: String
  }

  private typealias Parse =
    @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> UnsafeRawPointer?
  private typealias Free = @convention(c) (UnsafeRawPointer) -> Void

  private let parse: Parse
  private let free: Free

  init() throws {
    guard let library = dlopen("libpq.so.5", RTLD_NOW), let parse = dlsym(library, "PQconninfoParse"),
      let free = dlsym(library, "PQconninfoFree")
    else { throw Failure(message: "there is no libpq") }
    self.parse = unsafeBitCast(parse, to: Parse.self)
    self.free = unsafeBitCast(free, to: Free.self)
  }

  /// What the string sets.
  func values(_ string: String) throws -> [String: String] {
    var message: UnsafeMutablePointer<CChar>?
    guard let options = parse(string, &message) else {
      throw Failure(message: message.map { String(cString: $0) } ?? "no memory")
    }
    defer { free(options) }
    var values: [String: String] = [:]
    var option = options
    // PQconninfoOption: six pointers, of which the first is the keyword and the fourth the value, and an int.
    while let keyword = option.load(as: UnsafePointer<CChar>?.self) {
      if let value = option.load(fromByteOffset: 3 * 8, as: UnsafePointer<CChar>?.self) {
        values[String(cString: keyword)] = String(cString: value)
      }
      option += 7 * 8
    }
    return values
  }
}
