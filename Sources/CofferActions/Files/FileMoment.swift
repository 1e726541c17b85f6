import Glibc

/// A file as it was at some moment: whatever is done to it changes the last time, and one that gets the number of another which
/// is gone has another one.
struct FileMoment: Hashable {
  let identity: FileIdentity
  private let seconds: Int
  private let nanoseconds: Int

  init(_ facts: stat) {
    identity = FileIdentity(facts)
    seconds = Int(facts.st_ctim.tv_sec)
    nanoseconds = Int(facts.st_ctim.tv_nsec)
  }
}
