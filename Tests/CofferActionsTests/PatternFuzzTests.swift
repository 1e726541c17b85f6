import Foundation
@testable import CofferSystem
import TestSupport
import Testing

@testable import CofferActions

@Suite("Random patterns and paths")
struct PatternFuzzTests {
  private func matches(_ pattern: String, _ path: String, _ style: WildcardPattern.Style) -> Bool {
    WildcardPattern(pattern, style: style).matches(path.unicodeScalars.map(\.value))
  }

  @Test("Wildcards match as fnmatch has them")
  func wildcards() throws {
    try Fuzz.run(.pathPattern) { random in
      for _ in 0..<500 {
        let path = random.text("ab/]-!.\\")
        let flat = random.text("ab/]-[!*?\\")
        if flat.closesItsBrackets {
          try #require(
            matches(flat, path, .flat) == (fnmatch(flat, path, FNM_NOESCAPE) == 0),
            "seed \(random.seed): '\(flat)' '\(path)'")
        }
        // Two stars mean more than they do to fnmatch, and no bracket of its holds a slash.
        let folders = random.text("ab/*?a.\\")
        guard !folders.contains("**/") else { continue }
        try #require(
          matches(folders, path, .byFolder) == (fnmatch(folders, path, FNM_NOESCAPE | FNM_PATHNAME) == 0),
          "seed \(random.seed): '\(folders)' '\(path)'")
      }
    }
  }
}
