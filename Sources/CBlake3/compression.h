// What all kernels share: the constants of BLAKE3, and its compression function for one block.

#ifndef COFFER_BLAKE3_COMPRESSION_H
#define COFFER_BLAKE3_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_SIZE = 64, LEAF_SIZE = 1024, CV_WORDS = 8, NARROW = 8, WIDE = 16 };
enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8, KEYED_HASH = 16 };

static const uint32_t initial_vector[4] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A};

/// The order in which each of the seven rounds takes the message's words: the permutation of the paper, applied again
/// and again.
static const uint8_t schedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/// A round on the 16 words of the state `v`; `ROTATE` turns a word right.
#define MIX(a, b, c, d, x, y)         \
  v[a] = v[a] + v[b] + (x);           \
  v[d] = ROTATE(v[d] ^ v[a], 16);     \
  v[c] = v[c] + v[d];                 \
  v[b] = ROTATE(v[b] ^ v[c], 12);     \
  v[a] = v[a] + v[b] + (y);           \
  v[d] = ROTATE(v[d] ^ v[a], 8);      \
  v[c] = v[c] + v[d];                 \
  v[b] = ROTATE(v[b] ^ v[c], 7)
#define ROUND(m, s)                   \
  MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);    \
  MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);    \
  MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);   \
  MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);   \
  MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);   \
  MIX(1, 6, 11, 12, m[s[10]], m[s[11]]); \
  MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);  \
  MIX(3, 4, 9, 14, m[s[14]], m[s[15]])
#define ROTATE(word, count) (((word) >> (count)) | ((word) << (32 - (count))))
#define SEVEN_ROUNDS(m)   \
  ROUND(m, schedule[0]);  \
  ROUND(m, schedule[1]);  \
  ROUND(m, schedule[2]);  \
  ROUND(m, schedule[3]);  \
  ROUND(m, schedule[4]);  \
  ROUND(m, schedule[5]);  \
  ROUND(m, schedule[6])

/// Words are little-endian, as all machines are that this is compiled for.
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "BLAKE3 is written for little-endian machines here"
#endif

/// Compresses a block of `length` bytes, which are followed by zeros up to 64, into all 16 words of the state.
static inline void compress(const uint32_t cv[CV_WORDS], const uint8_t block[BLOCK_SIZE], uint32_t length,
                            uint64_t counter, uint32_t flags, uint32_t v[16]) {
  uint32_t m[16];
  memcpy(m, block, sizeof m);
  memcpy(v, cv, CV_WORDS * sizeof *v);
  memcpy(v + 8, initial_vector, sizeof initial_vector);
  v[12] = (uint32_t)counter;
  v[13] = (uint32_t)(counter >> 32);
  v[14] = length;
  v[15] = flags;
  SEVEN_ROUNDS(m);
  for (int i = 0; i < 8; i++) {
    v[i] ^= v[i + 8];
    v[i + 8] ^= cv[i];
  }
}

#endif
