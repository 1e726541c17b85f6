/// What tells at a dump's end what was dumped. It never makes a dump fail.
protocol ContentSource: AnyObject {
  /// Whether anything is counted.
  var isCounting: Bool { get }

  /// What was counted; nil when nothing was. Nothing is counted after it.
  func content() -> DumpContent?

  /// Gives up counting.
  func close()
}
