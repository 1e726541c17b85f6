#if FUZZING
  import Foundation

  // What libFuzzer (https://llvm.org/docs/LibFuzzer.html) calls. See contrib/fuzz.

  private let environment = ProcessInfo.processInfo.environment
  private let parser = environment["COFFER_FUZZ_PARSER"].flatMap(FuzzedParser.init)

  @_cdecl("LLVMFuzzerTestOneInput") public func takeBytes(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    parser?.read(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
  }

  /// Without a parser, seeds are written, into one folder a parser, and the parsers' names.
  @_cdecl("LLVMFuzzerInitialize") public func begin(_ count: UnsafeRawPointer?, _ arguments: UnsafeRawPointer?) -> CInt
  {
    guard parser == nil else { return 0 }
    do {
      for parser in FuzzedParser.allCases {
        let place = "\(environment["COFFER_FUZZ_SEEDS"] ?? ".")/\(parser.rawValue)"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        for (number, seed) in try parser.seeds().enumerated() {
          try Data(seed).write(to: URL(fileURLWithPath: "\(place)/seed-\(number)"))
        }
        print(parser.rawValue)
      }
      exit(0)
    } catch {
      print(error)
      exit(1)
    }
  }

  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ take: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt

  /// What the package manager calls a program's `main`.
  @_cdecl("fuzz_main") public func start(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  ) -> CInt {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments) { takeBytes($0, $1) }
  }
#endif
