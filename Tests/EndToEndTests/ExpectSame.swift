import TestSupport
import Testing

/// Records an issue with the first line in which two texts differ.
func expectSame(_ left: String, _ right: String, sourceLocation: SourceLocation = #_sourceLocation) {
  if let difference = firstDifference(left, right) {
    Issue.record("The contents differ in \(difference)", sourceLocation: sourceLocation)
  }
}
