import Glibc

/// A library that is opened when it is needed. It stays open: what it has loaded may leave functions to be called when the process ends.
public struct LoadedLibrary {
  /// It is not there, or not the one that it should be.
  public struct Failure: Error, Equatable {
    public let reason: String
  }

  private let name: String
  private let handle: UnsafeMutableRawPointer

  /// - Parameter name: As the system's loader looks for it.
  public init(_ name: String) throws(Failure) {
    guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
      throw Failure(reason: dlerror().map { String(cString: $0) } ?? "\(name) cannot be opened")
    }
    (self.name, self.handle) = (name, handle)
  }

  /// Returns a function of the library, or of those that it needs; nil where there is none of that name.
  ///
  /// - Parameter Function: A type of C functions; whoever names it knows the header.
  public func optional<Function>(_ symbol: String) -> Function? {
    dlsym(handle, symbol).map { unsafeBitCast($0, to: Function.self) }
  }

  /// The same for one that has to be there.
  public func function<Function>(_ symbol: String) throws(Failure) -> Function {
    guard let function: Function = optional(symbol) else { throw Failure(reason: "\(name) has no \(symbol)") }
    return function
  }
}
