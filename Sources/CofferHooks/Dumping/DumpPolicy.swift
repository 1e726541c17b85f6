import CofferConfiguration

/// How patient a run is with a dump.
public struct DumpPolicy: Sendable, Equatable {
  public var limits: DumpLimits
  /// How often a dump that failed is tried again.
  public var retries: Int
  /// Seconds before the first of these; each later one waits twice as long as the one before.
  public var firstWait: Double

  /// - Parameters:
  ///   - section: The database's entry; what it does not set is taken from the top of the configuration.
  ///   - root: The configuration.
  public init(_ section: ConfigurationSection, in root: ConfigurationSection) {
    func seconds(_ key: OptionKey<Int>) -> Int { section.given(key) ?? root[key] }
    let stall = seconds(PatienceOptions.stallTimeout)
    let total = seconds(PatienceOptions.timeLimit)
    limits = DumpLimits(stall: stall > 0 ? Double(stall) : nil, total: total > 0 ? Double(total) : nil)
    retries = seconds(PatienceOptions.retries)
    firstWait = Double(seconds(PatienceOptions.retryWait))
  }

  /// Seconds to wait before a retry.
  ///
  /// - Parameter retry: From 1 on.
  public func wait(before retry: Int) -> Double {
    firstWait * Double(1 << min(retry - 1, 16))
  }
}
