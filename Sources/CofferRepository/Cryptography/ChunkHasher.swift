import CBlake3
import CofferSystem

/// Makes chunk ids: keyed BLAKE3 (O'Connor et al. 2021), the first 16 bytes of its output. Nothing is allocated per call.
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
    withUnsafeTemporaryAllocation(byteCount: ChunkID.size, alignment: 8) { output in
      key.withUnsafeBytes { key in
        coffer_blake3_keyed(kernel, key.baseAddress, bytes.baseAddress, bytes.count, output.baseAddress, output.count)
      }
      return ChunkID(UnsafeRawBufferPointer(output))
    }
  }
}
