import CSystem
import Glibc

/// A file system's end of its conversation with the kernel. Requests are taken by one thread; answers may come from several.
public final class FuseConnection: Sendable {
  private let device: FileDescriptor

  /// Bytes of a message at most: nothing is ever written, and the kernel wants no less than this.
  private static let messageLimit = 1 << 17

  /// Where the file system is mounted, without links in the path.
  let place: String

  /// Whether the kernel keeps others to permissions and access control lists.
  private let checksRights: Bool

  init(owning device: consuming FileDescriptor, at place: String, checksRights: Bool) {
    self.device = device
    // A request may be taken back between being told of and being read: that must not keep an end by a signal waiting.
    _ = fcntl(self.device.number, F_SETFL, O_RDWR | O_NONBLOCK)
    self.place = place
    self.checksRights = checksRights
  }

  /// Whether the kernel has ended the conversation, because the file system is mounted nowhere any more.
  public var hasEnded: Bool {
    var watched = pollfd(fd: device.number, events: 0, revents: 0)
    return poll(&watched, 1, 0) == 1 && watched.revents & Int16(POLLERR) != 0
  }

  /// Gives requests to `take`, as they come, until the file system is mounted nowhere any more.
  ///
  /// - Throws: `RunCancelled`; `SystemError`; what `take` throws.
  public func serve(cancellation: Cancellation, _ take: (FuseRequest) throws -> Void) throws {
    let message = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.messageLimit, alignment: 8)
    defer { message.deallocate() }
    while true {
      var watched = [
        pollfd(fd: device.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      if poll(&watched, 2, -1) < 0, errno == EINTR { continue }
      try cancellation.check()
      let count = Glibc.read(device.number, message.baseAddress, message.count)
      if count < 0 {
        switch errno {
        // A request that was taken back before it was read.
        case EINTR, EAGAIN, ENOENT: continue
        case ENODEV, ECONNABORTED: return
        default: throw SystemError(call: "read", subject: "/dev/fuse")
        }
      }
      let bytes = UnsafeRawBufferPointer(rebasing: message[..<count])
      if let request = try? FuseRequest(bytes) {
        try take(request)
      } else if count >= MemoryLayout<fuse_in_header>.size {
        // The kernel says nothing that makes no sense; should it, whoever waits for an answer gets one.
        send(.failure(EIO), to: message.loadUnaligned(as: fuse_in_header.self).unique)
      }
    }
  }

  /// Answers a request, once.
  public func answer(_ request: FuseRequest, _ answer: FuseAnswer) {
    if case .begin(let version, let readAhead, let abilities) = request.operation {
      return send(
        .agreement(to: version, readAhead: readAhead, abilities: abilities, checksRights: checksRights),
        to: request.identifier)
    }
    send(answer, to: request.identifier)
  }

  private func send(_ answer: FuseAnswer, to identifier: UInt64) {
    let body = answer.error == 0 ? answer.body : []
    var header = fuse_out_header()
    header.len = UInt32(MemoryLayout<fuse_out_header>.size + body.count)
    header.error = -answer.error
    header.unique = identifier
    let message = withUnsafeBytes(of: header) { Array($0) } + body
    // In one piece. Who waited may have gone, and so may the mount: then nobody wants the answer.
    message.withUnsafeBytes { bytes in
      while Glibc.write(device.number, bytes.baseAddress, bytes.count) < 0, errno == EINTR {}
    }
  }
}
