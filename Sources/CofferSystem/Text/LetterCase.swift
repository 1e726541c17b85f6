extension String {
  /// The text with the letters of ASCII in capitals, and every other sign as it stands. Unicode makes `S` of a long s and
  /// `I` of a dotless i, and key words of what no program takes for one.
  public var asciiUppercased: String { mappingASCII(0x61...0x7A, to: 0x41) }

  /// The text with the letters of ASCII as small ones, and every other sign as it stands: Unicode makes `k` of the sign
  /// for kelvins.
  public var asciiLowercased: String { mappingASCII(0x41...0x5A, to: 0x61) }

  private func mappingASCII(_ letters: ClosedRange<UInt8>, to first: UInt8) -> String {
    String(decoding: utf8.map { letters.contains($0) ? $0 - letters.lowerBound + first : $0 }, as: UTF8.self)
  }
}
