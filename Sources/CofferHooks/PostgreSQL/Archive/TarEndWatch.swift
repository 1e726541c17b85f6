/// Follows a dump in tar format to see whether it comes to its end: large objects may hold more zeros than the two blocks that
/// stand there. Of one that it cannot read nothing is known.
final class TarEndWatch {
  private final class Members: TarReceiver {
    func begin(_ member: TarMember) {}
    func take(_ bytes: UnsafeRawBufferPointer) {}
    func endFile() {}
  }

  private let reader = TarReader(Members())
  private var isReadable = true

  func take(_ bytes: UnsafeRawBufferPointer) {
    guard isReadable else { return }
    do { try reader.write(bytes) } catch { isReadable = false }
  }

  /// Returns what the dump lacks so that pg_restore fails; nil where it lacks nothing, or is of a form that is not known.
  func lacking() -> String? {
    guard isReadable else { return nil }
    do {
      try reader.finish()
      return nil
    } catch {
      return "it ends within a member"
    }
  }
}
