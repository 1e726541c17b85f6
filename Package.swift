// swift-tools-version: 6.1
import PackageDescription

// What talks with people and programs waits for them, and is half of the program: small code is as good there. Where bytes are worked
// on (CofferRepository, CofferHooks, ...) it is not.
let small: [SwiftSetting] = [.unsafeFlags(["-Osize"], .when(configuration: .release))]

// The arrows point only upwards: a target may depend on targets listed above it, never below.
let package = Package(
  name: "coffer",
  products: [
    .executable(name: "coffer", targets: ["coffer"])
  ],
  targets: [
    .systemLibrary(name: "CSystem"),
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(
      name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    // libqrencode, opened when it is needed.
    .systemLibrary(name: "CQRCode", providers: [.apt(["libqrencode-dev"])]),

    .target(name: "CBlake3"),
    .target(name: "CPageChecksum"),
    .target(name: "CSpawn"),
    // Libraries that are opened when they are needed: libcurl, libcrypto, and SQLite's with what of it Swift cannot call.
    .target(name: "CLibrary"),
    .target(name: "CCurl", dependencies: ["CLibrary"]),
    .target(name: "COpenSSL", dependencies: ["CLibrary"]),
    .target(name: "CSQLite", dependencies: ["CLibrary"]),

    .target(name: "CofferSystem", dependencies: ["CSystem", "CSpawn", "CPCRE2"]),
    .target(name: "CofferHTTP", dependencies: ["CofferSystem", "CCurl"]),
    .target(name: "CofferConfiguration", dependencies: ["CofferSystem", "CYAML"], swiftSettings: small),
    .target(
      name: "CofferStorage", dependencies: ["CofferSystem", "CofferHTTP", "CofferConfiguration", "COpenSSL"]),
    .target(
      name: "CofferRepository",
      dependencies: ["CofferSystem", "CofferStorage", "CBlake3", "CZstd", "COpenSSL"]),
    .target(name: "CofferSQLite", dependencies: ["CofferSystem", "CSQLite"]),
    .target(
      name: "CofferHooks", dependencies: ["CofferSystem", "CofferConfiguration", "CofferSQLite", "CPageChecksum"]),
    .target(
      name: "CofferMonitoring", dependencies: ["CofferSystem", "CofferHTTP", "CofferConfiguration"],
      swiftSettings: small),
    .target(
      name: "CofferActions",
      dependencies: [
        "CofferSystem", "CofferHTTP", "CofferStorage", "CofferRepository", "CofferConfiguration", "CofferHooks",
        "CofferMonitoring", "CQRCode",
      ], swiftSettings: small),
    .executableTarget(name: "coffer", dependencies: ["CofferActions"]),
    .executableTarget(
      name: "stage-speeds", dependencies: ["CofferSystem", "CofferStorage", "CofferRepository"],
      path: "contrib/benchmarking/stages"),

    .target(name: "TestSupport", dependencies: ["CofferSystem", "CofferStorage"], path: "Tests/TestSupport"),
    .testTarget(name: "CofferSystemTests", dependencies: ["CofferSystem", "TestSupport"]),
    .testTarget(name: "CofferHTTPTests", dependencies: ["CofferHTTP", "TestSupport"]),
    .testTarget(
      name: "CofferStorageTests", dependencies: ["CofferStorage", "TestSupport"],
      exclude: ["S3/signature-vectors.json"]),
    .testTarget(
      name: "CofferRepositoryTests",
      dependencies: ["CofferRepository", "CofferConfiguration", "CofferHooks", "stage-speeds", "TestSupport"]),
    .testTarget(
      name: "CofferConfigurationTests",
      dependencies: ["CofferConfiguration", "CofferHooks", "CofferActions", "TestSupport"]),
    .testTarget(
      name: "CofferHooksTests",
      dependencies: ["CofferHooks", "CofferActions", "CPageChecksum", "CSQLite", "TestSupport"],
      // A test asks with functions of it that the program does not call.
      linkerSettings: [.linkedLibrary("sqlite3")]),
    .testTarget(
      name: "CofferMonitoringTests",
      dependencies: ["CofferMonitoring", "CofferActions", "CofferHTTP", "CCurl", "TestSupport"],
      // A test reads with functions of it that the program does not call.
      linkerSettings: [.linkedLibrary("curl")]),
    .testTarget(name: "CofferActionsTests", dependencies: ["CofferActions", "CofferStorage", "TestSupport"]),
    .testTarget(name: "EndToEndTests", dependencies: ["CofferSystem", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)

// contrib/fuzz builds what reads stored bytes and logs as a program for libFuzzer, instead of as tests.
if Context.environment["COFFER_FUZZING"] != nil {
  package.targets.removeAll { $0.name == "CofferRepositoryTests" }
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: ["CofferRepository", "CofferConfiguration", "CofferHooks"],
      path: "Tests/CofferRepositoryTests/Fuzzing",
      swiftSettings: [.define("FUZZING"), .unsafeFlags(["-parse-as-library"])]))
}
