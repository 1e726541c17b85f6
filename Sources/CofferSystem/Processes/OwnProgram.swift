import CSystem
import Glibc

/// This program's file, for starting it anew.
public enum OwnProgram {
  private static let link = "/proc/self/exe"

  /// The kernel's link to the file, which stays right when the file is renamed; without `/proc`, the path by which the
  /// program was started.
  public static var path: String {
    if access(link, X_OK) == 0 { return link }
    return UnsafePointer<CChar>(bitPattern: getauxval(UInt(AT_EXECFN))).map { String(cString: $0) } ?? link
  }
}
