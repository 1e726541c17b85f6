import CBlake3
import CofferSystem

/// Makes hashes by keyed BLAKE3 (O'Connor et al. 2021), and of them chunk ids, their first 16 bytes. Nothing is allocated per call.
package struct ChunkHasher: Sendable {
  private let key: SecretBytes
  private let kernel: coffer_blake3_kernel

  /// - Parameters:
  ///   - key: 32 bytes.
  ///   - kernel: All give the same ids; the fastest one that the processor runs, as a rule.
  package init(key: SecretBytes, kernel: coffer_blake3_kernel = coffer_blake3_best_kernel()) {
    precondition(key.count == 32)
    self.key = key
    self.kernel = kernel
  }

  package func id(of bytes: UnsafeRawBufferPointer) -> ChunkID {
    output(of: bytes, count: ChunkID.size) { ChunkID($0) }
  }

  package func digest(of bytes: UnsafeRawBufferPointer) -> Digest256 {
    output(of: bytes, count: Digest256.size) { Digest256($0) }
  }

  @inline(__always)
  private func output<Result>(
    of bytes: UnsafeRawBufferPointer, count: Int, _ take: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { output in
      key.withUnsafeBytes { key in
        coffer_blake3_keyed(kernel, key.baseAddress, bytes.baseAddress, bytes.count, output.baseAddress, output.count)
      }
      return take(UnsafeRawBufferPointer(output))
    }
  }
}
