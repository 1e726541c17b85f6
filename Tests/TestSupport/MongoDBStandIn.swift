import Foundation

/// Programs called mongodump and mongorestore that write down what they are given, and answer as told.
///
/// MongoDB's own tools are in no package registry that the tests may use; what is proved here is what reaches them,
/// byte for byte, and what is made of their answers.
public final class MongoDBStandIn {
  public let folder: String

  public init() throws {
    folder = NSTemporaryDirectory() + "coffer-mongodb-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for program in ["mongodump", "mongorestore"] { try install(program, Self.script) }
    // Programs of several users count on.
    try write("count", "0\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: "\(folder)/count")
  }

  deinit {
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Each call has a number; `1.mongodump.arguments` is what the first was called with. Beside the scripts lie what they
  /// answer: `archive` or `folder`, `errors`, and `status`.
  private static let script = """
    #!/bin/sh
    here=$(dirname "$0"); program=$(basename "$0")
    number=$(( $(cat "$here/count" 2>/dev/null || echo 0) + 1 )); echo $number >"$here/count"
    call="$here/$number.$program"
    printf '%s\\n' "$@" >"$call.arguments"
    env >"$call.environment"
    dry=no; oplog=no
    while [ $# -gt 0 ]; do
      case "$1" in
        --config) cat "$2" >"$call.config"; ls -lL "$2" >"$call.mode";;
        --out) out=$2;;
        --dir) tar -C "$2" -cf "$call.folder" .;;
        --dryRun) dry=yes;;
        --collection=oplog.rs) oplog=yes;;
        --query=*) from=$(printf '%s' "$1" | sed 's/.*"t":\\([0-9]*\\),"i":\\([0-9]*\\)}.*/\\1 \\2/');;
      esac
      shift
    done
    [ $program = mongorestore ] && cat >"$call.input"
    [ -f "$here/errors" ] && cat "$here/errors" >&2
    if [ $oplog = yes ]; then
      from=$(printf 'e%010d.%010d' $from); cd "$here/oplog" || exit 1
      for entry in $(LC_ALL=C ls | LC_ALL=C awk -v from="$from" '$0 >= from'); do cat "$entry"; done
      [ -f "$here/oplog-status" ] && exit $(cat "$here/oplog-status")
      exit 0
    fi
    [ $program = mongodump ] && if [ -n "$out" ]; then cp -R "$here/folder" "$out"; else cat "$here/archive"; fi
    [ $dry = no ] && [ -f "$here/status" ] && exit $(cat "$here/status")
    [ $dry = yes ] && [ -f "$here/dry-status" ] && exit $(cat "$here/dry-status")
    exit 0

    """

  /// Adds a server and a shell. The server writes down what it is called with, makes the socket's file, and stays, unless there
  /// is a `refusal` for it to say; `version` is what it says of itself. The shell answers with `collections` and `answer`.
  public func addServer(version: String, shell: String = "mongosh") throws {
    try write("version", "db version v\(version)\nBuild Info: {\n    \"version\": \"\(version)\"\n}\n")
    try install("mongod", Self.server)
    try install(shell, Self.shell)
    // It runs as somebody else where the tests run as root.
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
  }

  private static let server = """
    #!/bin/sh
    here=$(dirname "$0")
    [ "$1" = --version ] && exec cat "$here/version"
    [ -f "$here/refusal" ] && { cat "$here/refusal"; exit 14; }
    printf '%s\\n' "$@" >"$here/server.arguments"; id -u >"$here/server.user"
    while [ $# -gt 0 ]; do [ "$1" = --bind_ip ] && : >"$2"; shift; done
    exec sleep 600

    """

  private static let shell = """
    #!/bin/sh
    here=$(dirname "$0"); program=$(basename "$0")
    number=$(( $(cat "$here/count" 2>/dev/null || echo 0) + 1 )); echo $number >"$here/count"
    for word; do printf '%s\\037' "$word"; done >"$here/$number.$program.words"
    printf '%s' "$HOME" >"$here/$number.$program.home"
    { id -u; readlink /proc/self/ns/net; cat /proc/self/limits; touch "$HOME/log" && echo own; } \
      >"$here/$number.$program.place"
    case "$*" in
      *ping*) echo '{ ok: 1 }';;
      *listDatabases*) cat "$here/collections";;
      *) cat "$here/answer" || exit 1;;
    esac

    """

  /// What the shell was called with, the n-th of all calls.
  public func words(_ number: Int, _ program: String) -> [String]? {
    text("\(number).\(program).words").map { $0.split(separator: "\u{1f}").map(String.init) }
  }

  /// Puts entries at the end of what the server has as its oplog.
  public func append(_ entries: [OplogBuilder.Entry]) throws {
    for entry in entries { try write("oplog/\(Self.file(entry))", entry.bytes) }
  }

  /// Takes the oldest entries of the oplog away, as a server does that has no room for them.
  public func forget(_ entries: [OplogBuilder.Entry]) throws {
    for entry in entries { try FileManager.default.removeItem(atPath: "\(folder)/oplog/\(Self.file(entry))") }
  }

  private static func file(_ entry: OplogBuilder.Entry) -> String {
    let (seconds, increment) = (String(entry.seconds), String(entry.increment))
    func padded(_ text: String) -> String { String(repeating: "0", count: 10 - text.count) + text }
    return "e\(padded(seconds)).\(padded(increment))"
  }

  private func install(_ program: String, _ script: String) throws {
    try write(program, script)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/\(program)")
  }

  public func write(_ name: String, _ text: String) throws {
    try write(name, Array(text.utf8))
  }

  public func write(_ name: String, _ bytes: [UInt8]) throws {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  public func bytes(_ name: String) -> [UInt8]? {
    FileManager.default.contents(atPath: "\(folder)/\(name)").map { Array($0) }
  }

  public func text(_ name: String) -> String? {
    bytes(name).map { String(decoding: $0, as: UTF8.self) }
  }

  /// What the program was called with, the n-th of all calls.
  public func arguments(_ number: Int, _ program: String) -> [String]? {
    text("\(number).\(program).arguments").map { $0.split(separator: "\n").map(String.init) }
  }
}
