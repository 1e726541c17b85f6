import Foundation
import Testing

@testable import CofferSystem

@Suite("Adding to what a path names")
struct AppendedFileTests {
  private let place: String

  init() throws {
    var template = Array("/tmp/coffer-append-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&template))
    place = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func clean() { try? FileManager.default.removeItem(atPath: place) }

  private func append(_ text: String, to path: String) throws {
    let file = try FileDescriptor.appending(to: path)
    try Array(text.utf8).withUnsafeBytes { try file.writeAll($0, subject: path) }
  }

  private func text(_ name: String) -> String? {
    FileManager.default.contents(atPath: "\(place)/\(name)").map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("Links in a folder of ours are followed, also to a file that is not there yet, and never in a circle")
  func links() throws {
    defer { clean() }
    mkdir("\(place)/logs", 0o755)
    symlink("logs/b", "\(place)/a")
    symlink("../c", "\(place)/logs/b")
    for part in ["one ", "two"] { try append(part, to: "\(place)/a") }
    #expect(text("c") == "one two")
    symlink("loop", "\(place)/loop")
    #expect(throws: SystemError(call: "open", subject: "\(place)/loop", code: ELOOP)) {
      try append("x", to: "\(place)/loop")
    }
  }

  @Test("A link in a folder where others may write is not followed, whosever it is", arguments: [0o777, 0o1777])
  func foreign(mode: mode_t) throws {
    defer { clean() }
    mkdir("\(place)/open", 0o700)
    chmod("\(place)/open", mode)
    symlink("\(place)/victim", "\(place)/open/log")
    mkfifo("\(place)/open/fifo", 0o600)
    symlink("\(place)/open/log", "\(place)/indirect")
    for name in ["open/log", "open/fifo", "indirect"] {
      #expect(throws: UntrustedPlace.self) { try append("x", to: "\(place)/\(name)") }
    }
    #expect(text("victim") == nil)
  }

  @Test("Another user's link is not followed", .enabled(if: geteuid() == 0, "only root can give files away"))
  func others() throws {
    defer { clean() }
    mkdir("\(place)/his", 0o755)
    symlink("\(place)/victim", "\(place)/his/log")
    lchown("\(place)/his/log", 65534, 65534)
    chown("\(place)/his", 65534, 65534)
    #expect(throws: UntrustedPlace.self) { try append("x", to: "\(place)/his/log") }
    #expect(text("victim") == nil)
  }

  @Test("What logs of containers are: /dev/null, a FIFO with a reader, and links to them")
  func devices() throws {
    defer { clean() }
    symlink("/dev/null", "\(place)/log")
    for path in ["/dev/null", "\(place)/log"] { try append("x", to: path) }
    mkfifo("\(place)/fifo", 0o600)
    #expect(throws: SystemError(call: "open", subject: "\(place)/fifo", code: ENXIO)) {
      try append("x", to: "\(place)/fifo")
    }
    let reader = try FileDescriptor(opening: "\(place)/fifo", flags: O_RDONLY | O_NONBLOCK)
    try append("through", to: "\(place)/fifo")
    #expect(try reader.readAll(limit: 100, subject: "fifo") == Array("through".utf8))
  }

  @Test(
    "The program's own streams, by their names and through links",
    arguments: ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/stderr", "/proc/self/fd/2", "LINK"])
  func streams(name: String) throws {
    defer { clean() }
    let path = name == "LINK" ? "\(place)/log" : name
    if name == "LINK" { symlink("/dev/stdout", path) }
    let file = try FileDescriptor.appending(to: path)
    let number = path.hasSuffix("2") || path.hasSuffix("stderr") ? STDERR_FILENO : STDOUT_FILENO
    var (one, other) = (stat(), stat())
    #expect(fstat(file.number, &one) == 0 && fstat(number, &other) == 0)
    #expect(one.st_dev == other.st_dev && one.st_ino == other.st_ino)
    #expect(fcntl(file.number, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test("Another process's stream of ours, as of the first process of a container")
  func processes() throws {
    defer { clean() }
    let child = try SystemProcessLauncher().launch(
      ChildCommand("cat", [], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]), input: .pipe, output: .pipe))
    defer { child.terminate() }
    guard let input = child.takeInput(), let output = child.takeOutput() else {
      preconditionFailure("pipes were asked for")
    }
    try append("said", to: "/proc/\(child.identifier)/fd/1")
    _ = consume input
    #expect(try output.readAll(limit: 100, subject: "cat") == Array("said".utf8))
  }
}
