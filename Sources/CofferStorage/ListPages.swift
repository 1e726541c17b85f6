/// Gathers what a list finds, and hands it over a page at a time.
public struct ListPages {
  /// Objects of a page at most; as many as an S3 server gives at once.
  public static let size = 1000

  private var page: [ObjectStatus] = []

  public init() {}

  /// Adds an object, and hands the page over when it is full.
  public mutating func add(_ status: ObjectStatus, _ take: ([ObjectStatus]) -> Void) {
    page.append(status)
    if page.count >= Self.size { finish(take) }
  }

  /// Hands over what is left.
  public mutating func finish(_ take: ([ObjectStatus]) -> Void) {
    guard !page.isEmpty else { return }
    take(page)
    page.removeAll(keepingCapacity: true)
  }
}
