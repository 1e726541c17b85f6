import CofferSystem
import Glibc

/// PostgreSQL's client library, found when it is needed: whoever has PostgreSQL's client programs has it, and nobody else
/// needs it to start this program.
///
/// Signatures are those of `libpq-fe.h`; they have not changed since version 9.0 of the library. It is never closed again:
/// what it has loaded leaves functions to be called when the process ends.
struct PostgreSQLLibrary {
  typealias Connection = OpaquePointer
  typealias Result = OpaquePointer
  typealias Text = UnsafePointer<CChar>
  typealias Texts = UnsafePointer<Text?>
  typealias NoticeProcessor = @convention(c) (UnsafeMutableRawPointer?, Text?) -> Void

  static let fileName = "libpq.so.5"

  let connectStart: @convention(c) (Texts, Texts, CInt) -> Connection?
  let connectPoll: @convention(c) (Connection) -> CInt
  let finish: @convention(c) (Connection) -> Void
  let status: @convention(c) (Connection) -> CInt
  let socket: @convention(c) (Connection) -> CInt
  let errorMessage: @convention(c) (Connection) -> Text?
  let serverVersion: @convention(c) (Connection) -> CInt
  let parameterStatus: @convention(c) (Connection, Text) -> Text?
  let setNonblocking: @convention(c) (Connection, CInt) -> CInt
  let setNoticeProcessor: @convention(c) (Connection, NoticeProcessor?, UnsafeMutableRawPointer?) -> NoticeProcessor?
  let sendQuery: @convention(c) (Connection, Text) -> CInt
  let flush: @convention(c) (Connection) -> CInt
  let consumeInput: @convention(c) (Connection) -> CInt
  let isBusy: @convention(c) (Connection) -> CInt
  let result: @convention(c) (Connection) -> Result?
  let resultStatus: @convention(c) (Result) -> CInt
  let resultErrorField: @convention(c) (Result, CInt) -> Text?
  let resultErrorMessage: @convention(c) (Result) -> Text?
  let rowCount: @convention(c) (Result) -> CInt
  let fieldCount: @convention(c) (Result) -> CInt
  let fieldName: @convention(c) (Result, CInt) -> Text?
  let isNull: @convention(c) (Result, CInt, CInt) -> CInt
  let length: @convention(c) (Result, CInt, CInt) -> CInt
  let value: @convention(c) (Result, CInt, CInt) -> Text?
  let clear: @convention(c) (Result) -> Void
  let copyData: @convention(c) (Connection, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, CInt) -> CInt
  let putCopyData: @convention(c) (Connection, UnsafeRawPointer, CInt) -> CInt
  let putCopyEnd: @convention(c) (Connection, Text?) -> CInt
  let free: @convention(c) (UnsafeMutableRawPointer?) -> Void
  /// What speaks TLS for the connection, and how many bytes that has decrypted and not given yet; nil where it is no OpenSSL.
  let tls: (@convention(c) (Connection, Text) -> OpaquePointer?)?
  let tlsPending: (@convention(c) (OpaquePointer) -> CInt)?

  /// - Parameter name: The library's, as the system's loader looks for it.
  /// - Throws: `ReplicationError.library`.
  init(_ name: String = fileName) throws(ReplicationError) {
    guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
      throw .library(dlerror().map { String(cString: $0) } ?? "\(name) cannot be opened")
    }
    let symbols = Symbols(handle: handle)
    connectStart = try symbols.function("PQconnectStartParams")
    connectPoll = try symbols.function("PQconnectPoll")
    finish = try symbols.function("PQfinish")
    status = try symbols.function("PQstatus")
    socket = try symbols.function("PQsocket")
    errorMessage = try symbols.function("PQerrorMessage")
    serverVersion = try symbols.function("PQserverVersion")
    parameterStatus = try symbols.function("PQparameterStatus")
    setNonblocking = try symbols.function("PQsetnonblocking")
    setNoticeProcessor = try symbols.function("PQsetNoticeProcessor")
    sendQuery = try symbols.function("PQsendQuery")
    flush = try symbols.function("PQflush")
    consumeInput = try symbols.function("PQconsumeInput")
    isBusy = try symbols.function("PQisBusy")
    result = try symbols.function("PQgetResult")
    resultStatus = try symbols.function("PQresultStatus")
    resultErrorField = try symbols.function("PQresultErrorField")
    resultErrorMessage = try symbols.function("PQresultErrorMessage")
    rowCount = try symbols.function("PQntuples")
    fieldCount = try symbols.function("PQnfields")
    fieldName = try symbols.function("PQfname")
    isNull = try symbols.function("PQgetisnull")
    length = try symbols.function("PQgetlength")
    value = try symbols.function("PQgetvalue")
    clear = try symbols.function("PQclear")
    copyData = try symbols.function("PQgetCopyData")
    putCopyData = try symbols.function("PQputCopyData")
    putCopyEnd = try symbols.function("PQputCopyEnd")
    free = try symbols.function("PQfreemem")
    tls = symbols.optional("PQsslStruct")
    tlsPending = symbols.optional("SSL_pending")
  }

  /// What a library and those that it needs have.
  private struct Symbols {
    let handle: UnsafeMutableRawPointer

    /// - Parameter Function: A type of C functions; whoever names it knows the header.
    func optional<Function>(_ name: String) -> Function? {
      dlsym(handle, name).map { unsafeBitCast($0, to: Function.self) }
    }

    func function<Function>(_ name: String) throws(ReplicationError) -> Function {
      guard let function: Function = optional(name) else { throw .library("\(fileName) has no \(name)") }
      return function
    }
  }
}
