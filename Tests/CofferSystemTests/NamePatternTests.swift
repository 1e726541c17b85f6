import CofferSystem
import Testing

@Suite("Name patterns")
struct NamePatternTests {
  @Test(
    "match whole names",
    arguments: [
      ("users", "users", true), ("users", "users2", false), ("shop_*", "shop_", true), ("shop_*", "shop_a_b", true),
      ("shop_*", "my_shop_a", false), ("*", "", true), ("*_old", "a_old_old", true), ("a*b*c", "a-b-b-c", true),
      ("a*b*c", "a-c-b", false), ("db?", "db1", true), ("db?", "db", false), ("db[0-3]", "db2", true),
      ("db[0-3]", "db4", false), ("db[!0-3]", "db4", true), ("db[]x]", "db]", true), ("db[", "db[", true),
      ("[a", "a", false), ("Users", "users", false), ("ü*", "über", true),
    ])
  func matching(pattern: String, name: String, isMatch: Bool) {
    #expect(NamePattern(pattern).matches(name) == isMatch)
  }

  @Test("know whether they are more than a name")
  func isPattern() {
    #expect(!NamePattern("users").isPattern)
    #expect(!NamePattern("[users").isPattern)
    #expect(NamePattern("use*").isPattern)
    #expect(NamePattern("user[12]").isPattern)
  }

  @Test("Names that only look alike are two, and a sign with a mark behind it is still that sign")
  func scalars() {
    #expect(!NamePattern("caf\u{e9}").matches("cafe\u{301}"))
    #expect(NamePattern("cafe?").matches("cafe\u{301}"))
    #expect(NamePattern("*\u{301}").matches("cafe\u{301}") && NamePattern("*\u{301}").isPattern)
    #expect(NamePattern("[ab]\u{301}").matches("b\u{301}"))
    #expect(NamePattern("a?\n").matches("a\r\n"))
  }
}

@Suite("A user's own folders")
struct UserFolderTests {
  @Test(
    "A variable counts when it is a path from the root on; an empty one is none",
    arguments: [
      (["HOME": "/h"], "/h/.local/state"), (["HOME": "/h", "XDG_STATE_HOME": ""], "/h/.local/state"),
      (["HOME": "/h", "XDG_STATE_HOME": "here"], "/h/.local/state"), (["HOME": "/h", "XDG_STATE_HOME": "/s"], "/s"),
      (["HOME": "/"], "/.local/state"),
    ])
  func folders(variables: [String: String], folder: String) {
    #expect(ProcessEnvironment(variables)[.state] == folder)
    #expect(ProcessEnvironment(["HOME": "", "XDG_CACHE_HOME": ""])[.cache].hasSuffix("/.cache"))
    #expect(ProcessEnvironment(["HOME": ""]).home.hasPrefix("/"))
  }
}
