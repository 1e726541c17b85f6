import CofferSystem
import Foundation
import Testing

@testable import CofferStorage

/// A store that has to keep the contract. A new store is one more element of `all`.
struct StoreUnderTest: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// Whether it can be asked for thousands of things in a test: what makes each durable, or knows no folder for long, cannot.
  let isQuick: Bool
  /// Makes the store and its place; the folder is there, empty and this store's own.
  let make: @Sendable (_ folder: String) throws -> any ObjectStore
  /// Whether of many puts of one name at the same moment no more than one succeeds: what is behind some stores cannot promise
  /// it.
  let isExclusive: Bool
  /// Whether a folder that has become empty is removed there with what is put into it at that moment.
  let losesFolders: Bool
  /// Whether it shows all that somebody else puts into its folders.
  let showsAll: Bool

  init(
    _ description: String, isQuick: Bool = true, isExclusive: Bool = true, losesFolders: Bool = false,
    showsAll: Bool = true, _ make: @escaping @Sendable (_ folder: String) throws -> any ObjectStore
  ) {
    testDescription = description
    self.isQuick = isQuick
    self.isExclusive = isExclusive
    self.losesFolders = losesFolders
    self.showsAll = showsAll
    self.make = make
  }

  /// Those that can be asked for thousands of things.
  static let quick = all.filter(\.isQuick)

  static let all: [StoreUnderTest] =
    [
      StoreUnderTest("a folder, with links") { local($0, .all) },
      StoreUnderTest("a folder, with renames that replace nothing") { local($0, .renames) },
      StoreUnderTest("a folder, with neither") { local($0, .neither) },
      StoreUnderTest("memory") { _ in MemoryStore() },
    ]
    + [
      StoreUnderTest("served to another host") { ServedStore(served: $0) },
      StoreUnderTest("served by a host of the version before") { folder in
        ServedStore(folder) { _ in LoopChannel.server(versions: 1...2) }
      },
      StoreUnderTest("served, with all decorators", isQuick: false) { folder in
        limited(CountingStore(patient(FlakyStore(ServedStore(served: folder)))))
      },
      StoreUnderTest("served over connections that are cut", isQuick: false) { folder in
        // Each lives twice as long as the one before, so that the largest object gets through one at last.
        patient(
          ServedStore(folder) { number in
            let times = 1 << min(number, 9)
            return LoopChannel.cut(after: (40_000 * times + number % 7, 50_000 * times), LoopChannel.server())
          })
      },
    ]
    + [
      StoreUnderTest("retrying") { _ in RetryingStore(MemoryStore()) },
      StoreUnderTest("retrying where every third call fails") { _ in patient(FlakyStore(MemoryStore())) },
      StoreUnderTest("rate limited") { _ in limited(MemoryStore()) },
      StoreUnderTest("counting") { _ in CountingStore(MemoryStore()) },
      StoreUnderTest("all of them, one around the other") { _ in
        CountingStore(limited(patient(CountingStore(FlakyStore(MemoryStore())))))
      },
      StoreUnderTest("all of them around a folder with neither") { folder in
        limited(CountingStore(patient(FlakyStore(local(folder, .neither)))))
      },
    ]
    + S3TestServer.started.map { server in
      StoreUnderTest(
        "S3 at \(server.rawValue)", isQuick: server == .seaweedfs, isExclusive: server.isExclusive,
        losesFolders: server == .rclone
      ) { _ in
        // rclone fails now and then where folders come and go; the program asks again, too.
        server == .rclone ? patient(try server.store()) : try server.store()
      }
    }
    + overSFTP
    + servedOverSSH

  private static func local(_ folder: String, _ ability: FileCalls.Ability) -> LocalDirectoryStore {
    // What syncing promises is another suite's; here it would only take time.
    var calls = FileCalls.with(ability)
    calls.sync = { _ in 0 }
    return LocalDirectoryStore(root: folder, calls: calls)
  }

  private static func patient(_ store: any ObjectStore) -> RetryingStore {
    // Of threads that take turns one may meet every failure for a while.
    RetryingStore(store, RetryPolicy(retries: 1000, firstWait: 0, longestWait: 0))
  }

  private static func limited(_ store: any ObjectStore) -> RateLimitedStore {
    RateLimitedStore(store, uploadRate: 1 << 40, downloadRate: 1 << 40)
  }
}

extension FileCalls {
  /// What a file system can do.
  enum Ability: CaseIterable {
    case all, renames, neither
  }

  static func with(_ ability: Ability) -> FileCalls {
    var calls = FileCalls.system
    guard ability != .all else { return calls }
    calls.link = { _, _, _ in
      errno = EPERM
      return -1
    }
    guard ability == .neither else { return calls }
    calls.renameToFree = { _, _, _ in
      errno = EINVAL
      return -1
    }
    return calls
  }
}

/// A folder that is gone with the value.
final class ScratchFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("\(NSTemporaryDirectory())/coffer-store-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&template))
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}

func objectName(_ path: String) throws -> ObjectName { try #require(ObjectName(path)) }
