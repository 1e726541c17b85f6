import CSpawn
import Glibc

/// Short messages between processes of this user, by a socket that has a name in a folder which only that user can reach.
public enum LocalSocket {
  /// Makes a name at which others can connect. What has the name is to be removed before.
  ///
  /// - Parameter waiting: How many may wait to be accepted.
  /// - Throws: `SystemError`.
  public static func listen(
    at name: EntryName, in folder: Folder, waiting: Int32 = 16
  ) throws(SystemError) -> FileDescriptor {
    let socket = try make(folder)
    guard try call(bind, socket, name, folder) == 0 else {
      throw SystemError(call: "bind", subject: folder.path(of: name))
    }
    guard Glibc.listen(socket.number, waiting) == 0 else {
      throw SystemError(call: "listen", subject: folder.path(of: name))
    }
    return socket
  }

  /// Connects, without waiting for it.
  ///
  /// - Throws: `SystemError`: ENOENT where there is no such name, ECONNREFUSED where nobody listens at it any more, EACCES where
  ///   it is another user who does.
  public static func connect(to name: EntryName, in folder: Folder) throws(SystemError) -> FileDescriptor {
    let socket = try make(folder)
    guard try call(Glibc.connect, socket, name, folder) == 0 else {
      throw SystemError(call: "connect", subject: folder.path(of: name))
    }
    try checkPeer(socket.number, folder.path(of: name))
    return socket
  }

  /// Takes a socket at which others connect from whoever has started this process.
  ///
  /// - Returns: nil where the descriptor is none.
  /// - Throws: `SystemError`.
  public static func inherited(_ number: Int32) throws(SystemError) -> FileDescriptor? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0, value != 0 else { return nil }
    return try adopted(number)
  }

  /// Takes one who has connected.
  ///
  /// - Throws: `SystemError`: EAGAIN where nobody waits, EACCES for another user.
  public static func accept(_ listener: borrowing FileDescriptor) throws(SystemError) -> FileDescriptor {
    let number = Glibc.accept(listener.number, nil, nil)
    guard number >= 0 else { throw SystemError(call: "accept", subject: "socket") }
    let socket = try adopted(number)
    try checkPeer(number, "socket")
    return socket
  }

  /// Sends a message, unless the other end does not take it now.
  ///
  /// - Throws: `SystemError`.
  public static func send(_ message: [UInt8], to number: Int32) throws(SystemError) {
    guard Glibc.send(number, message, message.count, Int32(MSG_NOSIGNAL)) == message.count else {
      throw SystemError(call: "send", subject: "socket")
    }
  }

  /// Waits for a message.
  ///
  /// - Parameters:
  ///   - limit: Bytes; of a longer message the rest is lost.
  ///   - seconds: How long is waited.
  /// - Returns: Empty where the other end has gone; nil where it has said nothing so long.
  /// - Throws: `SystemError`; `RunCancelled`.
  public static func receive(
    from socket: borrowing FileDescriptor, limit: Int, seconds: Double, _ cancellation: Cancellation
  ) throws -> [UInt8]? {
    var watched = [
      pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let count = poll(&watched, 2, Int32(seconds * 1000))
      try cancellation.check()
      if count == 0 { return nil }
      guard count > 0 || errno == EINTR else { throw SystemError(call: "poll", subject: "socket") }
      guard count > 0 else { continue }
      return try [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
        let length = recv(socket.number, buffer.baseAddress, limit, 0)
        guard length >= 0 else { throw SystemError(call: "recv", subject: "socket") }
        filled = length
      }
    }
  }

  /// Takes a descriptor that was opened without what those made here have.
  private static func adopted(_ number: Int32) throws(SystemError) -> FileDescriptor {
    let socket = FileDescriptor(owning: number)
    guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0, fcntl(number, F_SETFL, O_NONBLOCK) == 0 else {
      throw SystemError(call: "fcntl", subject: "socket")
    }
    return socket
  }

  private static func make(_ folder: Folder) throws(SystemError) -> FileDescriptor {
    let type = [SOCK_SEQPACKET, SOCK_CLOEXEC, SOCK_NONBLOCK].reduce(0) { $0 | Int32($1.rawValue) }
    let number = Glibc.socket(AF_UNIX, type, 0)
    guard number >= 0 else { throw SystemError(call: "socket", subject: folder.path) }
    return FileDescriptor(owning: number)
  }

  /// - Parameter function: `bind` or `connect`. An address has no room for a long path: the folder goes by its descriptor.
  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ socket: borrowing FileDescriptor,
    _ name: EntryName, _ folder: Folder
  ) throws(SystemError) -> Int32 {
    let number = socket.number
    let path = Array("/proc/self/fd/\(folder.number)/".utf8) + name.bytes
    guard let code = withAddress(path, { function(number, $0, $1) }) else {
      throw SystemError(call: "socket", subject: folder.path(of: name), code: ENAMETOOLONG)
    }
    return code
  }

  /// - Parameter body: Given the address that a path is.
  /// - Returns: nil for a path that is too long.
  public static func withAddress<Result>(
    _ path: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // Its last byte stays zero.
    guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    return withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
  }

  private static func checkPeer(_ number: Int32, _ subject: String) throws(SystemError) {
    guard coffer_peer_user(number) == Int(geteuid()) else {
      throw SystemError(call: "connect", subject: subject, code: EACCES)
    }
  }
}
