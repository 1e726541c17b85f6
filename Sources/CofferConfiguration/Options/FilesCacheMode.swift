import CofferSystem

/// By which facts a file is taken as unchanged: a combination that Borg's `--files-cache` knows, in any order.
public struct FilesCacheMode: OptionText, Equatable {
  public static let title = "a way to tell whether a file has changed"
  public static let suggestion =
    "Write 'ctime,size,inode', 'mtime,size,inode', 'ctime,size', 'mtime,size', 'size', "
    + "'rechunk,ctime', 'rechunk,mtime' or 'disabled'"
  public static let standard = FilesCacheMode([.changeTime, .size, .inode])

  public enum Fact: String, Sendable, CaseIterable {
    case changeTime = "ctime"
    case modificationTime = "mtime"
    case size, inode
    /// Files are read, whatever their facts are.
    case readsAll = "rechunk"
    /// Nothing is remembered.
    case disabled
  }

  public let facts: Set<Fact>
  public let spelling: String

  private static let combinations: [Set<Fact>] = [
    [.changeTime, .size, .inode], [.modificationTime, .size, .inode], [.changeTime, .size],
    [.modificationTime, .size], [.size], [.readsAll, .changeTime], [.readsAll, .modificationTime], [.disabled],
  ]

  private init(_ facts: [Fact]) {
    self.facts = Set(facts)
    spelling = facts.map(\.rawValue).joined(separator: ",")
  }

  public init?(_ text: String) {
    let words = text.trimmed.parts(by: ",")
    let facts = Set(words.compactMap { word in Fact.allCases.first { $0.rawValue.isSame(as: word) } })
    guard facts.count == Set(words.map { ExactName($0) }).count, Self.combinations.contains(facts) else { return nil }
    self.facts = facts
    spelling = text
  }

  public static func nearest(to text: String) -> String? {
    let words = text.lowercased().parts(by: ",").map(\.trimmed)
    let near = words.compactMap { NearestName.slip(of: $0, among: Fact.allCases.map(\.rawValue)) }
    let joined = near.joined(separator: ",")
    return Self(joined) == nil ? nil : joined
  }
}
