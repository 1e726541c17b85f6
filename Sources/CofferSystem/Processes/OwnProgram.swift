import CSystem
import Glibc

/// This program's file, for starting it anew.
public enum OwnProgram {
  private static let link = "/proc/self/exe"

  /// The kernel's link to the file, which stays right when the file is renamed; without `/proc`, the path by which the
  /// program was started.
  public static var path: String {
    if access(link, X_OK) == 0 { return link }
    return startedBy
  }

  /// The file's own path, for who starts it at another time. Where the file has been replaced meanwhile, the path by which the program
  /// was started, at which the new one is.
  public static var file: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(link, &buffer, buffer.count)
    let path = String(decoding: buffer[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return access(path, X_OK) == 0 ? path : startedBy
  }

  /// Starts the program anew.
  ///
  /// - Parameters:
  ///   - arguments: Without the program's name.
  ///   - attributes: Of `posix_spawn`; nil for none.
  /// - Returns: The number of the child.
  /// - Throws: `SystemError`.
  static func start(
    _ arguments: [String], _ environment: ProcessEnvironment, _ actions: inout posix_spawn_file_actions_t,
    _ attributes: UnsafePointer<posix_spawnattr_t>? = nil
  ) throws(SystemError) -> pid_t {
    var child: pid_t = 0
    let code = CStrings.with(["coffer"] + arguments) { arguments in
      CStrings.with(environment.variables.map { "\($0.key)=\($0.value)" }) { variables in
        guard let arguments = arguments.baseAddress, let variables = variables.baseAddress else { return EINVAL }
        return posix_spawn(&child, path, &actions, attributes, arguments, variables)
      }
    }
    guard code == 0 else { throw SystemError(call: "posix_spawn", subject: "coffer", code: code) }
    return child
  }

  private static var startedBy: String {
    UnsafePointer<CChar>(bitPattern: getauxval(UInt(AT_EXECFN))).map { String(cString: $0) } ?? link
  }
}
