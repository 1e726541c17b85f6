import CofferConfiguration
import CofferSystem
import Glibc

extension Program {
  /// Is the process that keeps a repository open for pushes. Nothing around them is its: no commands, no services that monitor.
  ///
  /// - Returns: The exit code. There is nobody who learns why it is not 0: pushes do without it.
  func servePushes(_ order: PushServiceOrder) -> Int32 {
    do {
      guard let listener = try LocalSocket.inherited(DetachedStart.number) else { return 1 }
      let contexts = try contexts(of: order)
      // The folder, and what it is on, can be taken away.
      guard chdir("/") == 0 else { throw SystemError(call: "chdir", subject: "/") }
      try WALPushAction.serve(order, contexts, listener)
      return 0
    } catch {
      return 1
    }
  }

  /// What the push works with that has started this process, for each repository that has the path: one path may lead to several.
  private func contexts(of order: PushServiceOrder) throws -> [ActionContext] {
    let parsed = try parse(order.arguments)
    let run = run(parsed, order.arguments)
    let files = try ConfigurationFiles(run)
    guard
      let configuration = files.configurations.first(where: { $0.path.isSame(as: order.configuration) }),
      let invocation = parsed.invocations.first(where: { $0.action.name.isSame(as: WALPushAction.declaration.name) })
    else { return [] }
    let locations = configuration.repositories.map(RepositoryLocation.init)
    return locations.filter { $0.path.isSame(as: order.repository) }.map { location in
      ActionContext(
        run.adapted(to: configuration), invocation, configuration.focused(on: location.section), files: files.paths,
        repositories: [location])
    }
  }
}
