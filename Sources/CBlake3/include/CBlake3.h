// Keyed BLAKE3, after "BLAKE3: one function, fast everywhere" (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2021).

#ifndef COFFER_BLAKE3_H
#define COFFER_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

/// The instructions that a kernel is compiled for. All kernels give the same results.
enum coffer_blake3_kernel {
  COFFER_BLAKE3_PORTABLE = 0,
  COFFER_BLAKE3_AVX2 = 1,
  COFFER_BLAKE3_AVX512 = 2,
};

/// The fastest kernel that this processor runs.
enum coffer_blake3_kernel coffer_blake3_best_kernel(void);

/// Writes the first `output_length` bytes, at most 64, of the keyed hash of the input. Allocates nothing.
void coffer_blake3_keyed(enum coffer_blake3_kernel kernel, const uint8_t key[32], const void *input, size_t length,
                         uint8_t *output, size_t output_length);

#endif
