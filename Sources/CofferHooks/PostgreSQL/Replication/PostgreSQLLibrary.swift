import CofferSystem
import Glibc

/// PostgreSQL's client library, found when it is needed: whoever has PostgreSQL's client programs has it, and nobody else
/// needs it to start this program.
///
/// Signatures are those of `libpq-fe.h`; they have not changed since version 9.0 of the library.
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
    do throws(LoadedLibrary.Failure) {
      let library = try LoadedLibrary(name)
      connectStart = try library.function("PQconnectStartParams")
      connectPoll = try library.function("PQconnectPoll")
      finish = try library.function("PQfinish")
      status = try library.function("PQstatus")
      socket = try library.function("PQsocket")
      errorMessage = try library.function("PQerrorMessage")
      serverVersion = try library.function("PQserverVersion")
      parameterStatus = try library.function("PQparameterStatus")
      setNonblocking = try library.function("PQsetnonblocking")
      setNoticeProcessor = try library.function("PQsetNoticeProcessor")
      sendQuery = try library.function("PQsendQuery")
      flush = try library.function("PQflush")
      consumeInput = try library.function("PQconsumeInput")
      isBusy = try library.function("PQisBusy")
      result = try library.function("PQgetResult")
      resultStatus = try library.function("PQresultStatus")
      resultErrorField = try library.function("PQresultErrorField")
      resultErrorMessage = try library.function("PQresultErrorMessage")
      rowCount = try library.function("PQntuples")
      fieldCount = try library.function("PQnfields")
      fieldName = try library.function("PQfname")
      isNull = try library.function("PQgetisnull")
      length = try library.function("PQgetlength")
      value = try library.function("PQgetvalue")
      clear = try library.function("PQclear")
      copyData = try library.function("PQgetCopyData")
      putCopyData = try library.function("PQputCopyData")
      putCopyEnd = try library.function("PQputCopyEnd")
      free = try library.function("PQfreemem")
      tls = library.optional("PQsslStruct")
      tlsPending = library.optional("SSL_pending")
    } catch {
      throw .library(error.reason)
    }
  }
}
