/// FNV-1a (Fowler, Noll, Vo) of 64 bits: short, for names that are to tell machines or processes apart and need no more.
enum NameHash {
  static func of(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}
