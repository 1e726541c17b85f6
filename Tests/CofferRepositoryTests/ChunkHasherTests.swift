import CBlake3
import Testing

@testable import CofferRepository

/// The kernels that this processor runs.
private let kernels = [COFFER_BLAKE3_PORTABLE, COFFER_BLAKE3_AVX2, COFFER_BLAKE3_AVX512].filter {
  $0.rawValue <= coffer_blake3_best_kernel().rawValue
}

@Suite("Chunk ids")
struct ChunkHasherTests {
  /// The key and the input of BLAKE3's published test vectors; the answers of lengths that are not among those come
  /// from the reference implementation.
  @Test("Every kernel gives the published answers of keyed BLAKE3", arguments: kernels)
  func knownAnswers(kernel: coffer_blake3_kernel) {
    let hasher = ChunkHasher(key: SecretBytes(passphrase: "whats the Elvish word for friend"), kernel: kernel)
    for (count, answer) in Self.answers {
      let input = (0..<count).map { UInt8($0 % 251) }
      #expect(input.withUnsafeBytes { hasher.id(of: $0) }.description == answer, "\(count) bytes")
    }
  }

  @Test("All kernels agree on every length of up to 20 leaves", arguments: kernels)
  func lengths(kernel: coffer_blake3_kernel) {
    let key = SecretBytes(copying: [UInt8](repeating: 3, count: 32))
    let (one, other) = (ChunkHasher(key: key, kernel: kernel), ChunkHasher(key: key, kernel: COFFER_BLAKE3_PORTABLE))
    let input = noise(20 << 10, seed: 1)
    for count in stride(from: 0, through: input.count, by: 61) {
      let bytes = input[..<count]
      #expect(bytes.withUnsafeBytes { one.id(of: $0) } == bytes.withUnsafeBytes { other.id(of: $0) }, "\(count) bytes")
    }
  }

  @Test("Another key, another byte and another length give other ids")
  func differences() {
    func id(_ input: [UInt8], key: UInt8 = 1) -> ChunkID {
      let hasher = ChunkHasher(key: SecretBytes(copying: [UInt8](repeating: key, count: 32)))
      return input.withUnsafeBytes { hasher.id(of: $0) }
    }
    let input = noise(9000, seed: 2)
    var ids: Set<ChunkID> = [id(input), id(input, key: 2), id(input + [0]), id(Array(input.dropLast()))]
    for position in stride(from: 0, to: input.count, by: 500) {
      var changed = input
      changed[position] ^= 1
      ids.insert(id(changed))
    }
    #expect(ids.count == 4 + 18)
  }

  private static let answers = [
    (0, "92b2b75604ed3c761f9d6f62392c8a92"), (1, "6d7878dfff2f485635d39013278ae14f"),
    (64, "ba8ced36f327700d213f120b1a207a3b"), (65, "c0a4edefa2d2accb9277c371ac12fcdb"),
    (1023, "c951ecdf03288d0fcc96ee3413563d8a"), (1024, "75c46f6f3d9eb4f55ecaaee480db732e"),
    (1025, "357dc55de0c7e382c900fd6e320acc04"), (2048, "879cf1fa2ea0e79126cb1063617a05b6"),
    (2049, "9f29700902f7c86e514ddc4df1e3049f"), (3072, "044a0e7b172a312dc02a4c9a818c036f"),
    (8192, "dc9637c8845a770b4cbf76b8daec0eeb"), (8193, "954a2a75420c8d6547e3ba5b98d963e6"),
    (16385, "9f1e8750b485576aa8af42e403bfb340"), (65536, "160fb7538a11d83b9b311825a6baef08"),
    (66049, "08b58aabf9e20e1917b31e110c683e72"), (300_001, "d0e07cd8fb8bff1b8efc1d62ffd134f1"),
  ]
}
