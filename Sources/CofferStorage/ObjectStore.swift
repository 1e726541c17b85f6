import CofferSystem

/// A flat set of immutable objects.
///
/// Every object is written once under its final name and never changed. The promises below are what the repository leans
/// on; a store keeps all of them, and so does whatever stands around one.
///
/// - A put is atomic and durable: when it returns, the whole object survives a power cut, and every list, status and get
///   that begins afterwards has it. When it throws, no object appeared because of it, unless the error is transient: then
///   the object may be there, or come to be there even later.
/// - A put overwrites nothing. Of several that put one name at the same moment at most one succeeds.
/// - No object is empty.
/// - A delete that has returned is final, unless a put of the same name was given up before.
/// - Every call may be made from any thread, and many at a time.
/// - A call whose cancellation comes stops soon, with `StorageError.cancelled`; what it was to do is not done, or all of it
///   is, as after a transient error. One without a cancellation goes to its end: that is for what has to be done also after
///   the run was asked to stop.
/// - Errors say by their `kind` whether the same call may succeed when it is made again.
public protocol ObjectStore: Sendable {
  /// Where the objects are, spelled as the user configured it.
  var location: String { get }

  /// What the place is known to do; asks nothing of it.
  var abilities: StoreAbilities { get }

  /// Finds out whether the place refuses names that are taken, by trying, where that is not known yet.
  ///
  /// - Returns: What is known then; places that cannot be tried leave it open.
  func learnAbilities(cancellation: Cancellation?) throws(StorageError) -> StoreAbilities

  /// Says that about so many bytes are soon to be put or read, in pieces of a MiB and more: a place that takes time to be ready for
  /// that may begin. Waits for nothing, and what goes wrong with it is nobody's concern.
  func expectTransfer(of bytes: UInt64)

  /// Makes the place itself, if it is not there; nothing else does, so that what is written never ends up in a place that
  /// only looks like the right one.
  func makePlace(cancellation: Cancellation?) throws(StorageError)

  /// Stores a new object durably.
  ///
  /// - Throws: `StorageError.missing` when there is no place for it; `.exists` when the name is taken (a store that has to
  ///   try again may take the same bytes for its own); `.full`.
  func put(_ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?) throws(StorageError)

  /// Returns the whole object, or the given byte range of it.
  ///
  /// - Throws: `StorageError.missing`; `.truncated` when the range reaches past the object's end.
  func get(_ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?) throws(StorageError) -> [UInt8]

  /// Returns an object's size and time.
  ///
  /// - Throws: `StorageError.missing`.
  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus

  /// Looks whether an object is what was put there: by its first bytes, or by a sum of all of it, where the place tells that of what
  /// it was given. To be asked behind a put of a name that may have been overwritten.
  ///
  /// - Parameter beginning: How many of the first bytes no other put has.
  /// - Throws: `StorageError.missing`; `.truncated` when it has fewer bytes.
  func stands(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, beginning: Int, cancellation: Cancellation?
  ) throws(StorageError) -> Bool

  /// Hands over the objects whose names begin with `folder` and a slash, at any depth, page by page, in the order of their
  /// names' bytes. What unfinished puts have left is not among them.
  ///
  /// A list is no moment's picture: what is put or deleted while it runs may be in it or not; what was there throughout is
  /// in it, once. It ends also if more is put all the time. In memory are one page and the names of one folder.
  ///
  /// - Parameters:
  ///   - folder: Empty for all objects. One that is not there has none.
  ///   - last: Only objects behind this one are wanted: a list that broke off can be taken up.
  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError)

  /// Makes several calls in their order, all sent at once, where the place keeps an order by itself.
  ///
  /// - Returns: What each list found, one stage behind the other; nil where the place keeps no order, or is not known to yet: nothing
  ///   was done then.
  /// - Throws: The first failure; also then the object may have been put.
  func inOrder(_ calls: OrderedCalls, cancellation: Cancellation?) throws(StorageError) -> [[ObjectStatus]]?

  /// Returns the name of something at the place, an object or not, if there is any; nil for a place that is empty or does
  /// not exist yet. Temporary files of the store's own do not count.
  ///
  /// - Parameter isExpected: Tells names that do not count either, of folders too.
  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String?

  /// Returns the paths of what has an object's place and is none, so that no list has it: empty files, links, folders, and what else
  /// there is but files. Where there can be nothing but objects there is none.
  ///
  /// - Parameters:
  ///   - folder: One of objects. Where it is no folder itself, its path is all that there is.
  ///   - depth: Parts that the objects' names have behind the folder's; what is less deep is to be a folder, or an object.
  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String]

  /// Returns what puts that did not come to their end have left, or are at, in no particular order.
  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut]

  /// Removes what is left of a put. Nothing there is no error.
  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError)

  /// Seconds for which the place is asked to delete nothing that is put there; nil where it is not asked for that.
  var lockTime: Double? { get }

  /// Locks an object for `lockTime` from now on, where what is left of its lock is less than half of that.
  ///
  /// - Returns: Whether it had to be.
  /// - Throws: `StorageError.missing`.
  func renewLock(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> Bool

  /// Removes an object durably. Removing an object that is not there is no error.
  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError)
}

extension ObjectStore {
  public func expectTransfer(of bytes: UInt64) {}

  public func stands(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, beginning: Int, cancellation: Cancellation?
  ) throws(StorageError) -> Bool {
    try begins(name, content, beginning, cancellation)
  }

  public func inOrder(_ calls: OrderedCalls, cancellation: Cancellation?) throws(StorageError) -> [[ObjectStatus]]? {
    nil
  }

  public var lockTime: Double? { nil }

  public func renewLock(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> Bool { false }
}
