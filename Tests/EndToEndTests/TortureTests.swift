import CofferSystem
import Foundation
import Testing

@Suite("Everything that is listed comes back, whatever is done to the programs")
struct TortureTests {
  private static let canMount =
    (try? SystemProcessLauncher().run(
      ChildCommand(
        "unshare", ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt"],
        environment: ProcessEnvironment(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]))
    ).status.isSuccess) ?? false

  @Test(
    "Killed at random moments, without a file system, and on a full disk: contrib/torture, for a minute",
    .enabled(if: canMount, "mounting needs root"))
  func torture() throws {
    let ground = try Playground()
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let seed = ProcessInfo.processInfo.environment["COFFER_TORTURE_SEED"] ?? "1"
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        root.appending(path: "contrib/torture").path, ["60", seed],
        environment: ProcessEnvironment([
          "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "COFFER_BINARY": ground.binary,
          "TMPDIR": ground.folder,
        ])), seconds: 900)
    #expect(result.status.isSuccess, "\(result.errorLines.joined(separator: "\n"))")
  }
}
