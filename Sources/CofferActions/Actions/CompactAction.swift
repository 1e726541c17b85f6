import CofferConfiguration

/// `compact`: there is nothing to it yet, but scripts of borgmatic's users name it.
enum CompactAction {
  private static let threshold = Flag<String?>("--threshold", value: "PERCENT", help: "Accepted; it has no effect yet.")
  private static let cleanup = Flag<Bool>("--cleanup-commits", help: "Accepted; it has no effect.")

  static let declaration = ActionDeclaration(
    "compact", abstract: "Give back the space of deleted archives: does nothing yet.",
    discussion: """
      Coffer cannot give the space of deleted archives back yet, so this action changes nothing. What is backed up again \
      is found in that space and not stored a second time. Scripts that were written for borgmatic can go on naming it.
      """,
    flags: [SharedFlags.repository, SharedFlags.progress, threshold, cleanup],
    examples: ["coffer create prune compact"], isMonitored: true,
    run: run)

  private static func run(_ context: ActionContext) {
    for location in context.repositories {
      context.console.remark("\(location.path): There is nothing to do yet: the space of deleted archives is kept")
    }
  }
}
