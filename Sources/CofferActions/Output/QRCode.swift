import CQRCode
import CofferSystem
import Glibc

/// A QR code, made by libqrencode.
struct QRCode {
  /// Rows of squares, from the top; true is dark.
  let rows: [[Bool]]

  /// Light squares around it, which the standard (ISO 18004) asks for.
  private static let margin = 4

  /// - Parameter text: At most some 2,900 bytes.
  /// - Throws: `SystemError` with ERANGE for a longer one.
  init(_ text: String) throws(SystemError) {
    let bytes = Array(text.utf8)
    // The more of the code can be lost the better, as long as it can be read off a printed page.
    for level in [QR_ECLEVEL_M, QR_ECLEVEL_L] {
      guard let code = QRcode_encodeData(Int32(clamping: bytes.count), bytes, 0, level) else { continue }
      defer { QRcode_free(code) }
      let width = Int(code.pointee.width)
      rows = (0..<width).map { row in
        (0..<width).map { column in (code.pointee.data[row * width + column] & 1) == 1 }
      }
      return
    }
    throw SystemError(call: "QRcode_encodeData", subject: "QR code", code: ERANGE)
  }

  /// The code as an image that can be printed in any size.
  var svg: String {
    let size = rows.count + 2 * Self.margin
    var path = ""
    for (row, squares) in rows.enumerated() {
      var column = 0
      while column < squares.count {
        let length = squares[column...].prefix { $0 }.count
        if length > 0 { path += "M\(column + Self.margin) \(row + Self.margin)h\(length)v1h-\(length)z" }
        column += max(length, 1)
      }
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(size) \(size)\" shape-rendering=\"crispEdges\">"
      + "<path fill=\"#fff\" d=\"M0 0h\(size)v\(size)h-\(size)z\"/><path d=\"\(path)\"/></svg>"
  }
}
