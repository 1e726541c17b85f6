import CofferConfiguration
import CofferSystem

/// What a user may do who restores dumps on a server of `verify_hostname`.
public struct DrillRights: Sendable, Equatable {
  public enum Standing: Sendable {
    case enough
    /// What is restored there has it, too.
    case more
    case tooLittle
  }

  /// The server and the user, for messages.
  public let subject: String
  public let standing: Standing
  public let text: String
  /// What to do; nil for nothing.
  public let remedy: String?

  /// - Parameter user: nil where nobody can say.
  init(of user: String?, at place: String, _ standing: Standing, _ text: String, remedy: String? = nil) {
    subject = (user.map { "the user '\(Quoting.terminal($0))' at " } ?? "the server at ") + Quoting.terminal(place)
    self.standing = standing
    self.text = text
    self.remedy = remedy
  }

  /// What a drill warns of; nil for nothing.
  var warning: String? {
    guard standing == .more else { return nil }
    return "Of verify_hostname, \(subject): \(text)" + (remedy.map { ". \($0)" } ?? "")
  }

  /// Of a server on which nothing can be made, whoever the user is.
  static func readOnly(_ user: String, at place: String) -> DrillRights {
    DrillRights(
      of: user, at: place, .tooLittle, "The server is read-only, as a replica is, and no database can be made there",
      remedy: "Set verify_hostname to its primary, or to another server")
  }
}

extension ServerEntry {
  /// Looks at the servers that the configuration names for drills, at each once for each user.
  ///
  /// - Parameter look: Given an entry and the address of its server.
  /// - Returns: What was found, or what kept it from being found.
  static func drillRights(
    in root: ConfigurationSection, of hook: some DatabaseHook, context: HookContext,
    _ look: (ServerEntry, ServerAddress) throws -> DrillRights
  ) -> [Result<DrillRights, any Error>] {
    var seen: Set<[ExactName]> = []
    return all(in: root, of: hook).compactMap { server in
      do {
        guard let target = try server.drillTarget(context: context) else { return nil }
        let address = try server.address(for: target, context: context)
        let key = [address.place, address.username ?? "", address.password ?? ""].map(ExactName.init)
        guard seen.insert(key).inserted else { return nil }
        return .success(try look(server, address))
      } catch {
        return .failure(error)
      }
    }
  }
}
