#include "page_checksum.h"

#include <string.h>

// 32 sums side by side, each of every 32nd word: FNV-1a with a shift mixed in, so that the high bits reach the low ones.
enum { LANES = 32 };
static const uint32_t prime = 16777619;

// Where each sum begins: from PostgreSQL, and to be found nowhere else.
static const uint32_t beginnings[LANES] = {
    0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c,
    0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb,
    0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4,
    0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
};

typedef uint32_t words __attribute__((vector_size(LANES * sizeof(uint32_t))));

// The word of the header whose low half is the checksum itself, in the byte order of the servers that are supported.
enum { CHECKSUM_WORD = 2 };

static inline __attribute__((always_inline)) uint32_t sum(const uint8_t *page, size_t length) {
  words sums, row;
  memcpy(&sums, beginnings, sizeof sums);
  for (size_t offset = 0; offset + sizeof row <= length; offset += sizeof row) {
    memcpy(&row, page + offset, sizeof row);
    if (offset == 0) row[CHECKSUM_WORD] &= 0xffff0000;
    words mixed = sums ^ row;
    sums = mixed * prime ^ (mixed >> 17);
  }
  // Two rows of zeros bring the last words into all bits.
  for (int round = 0; round < 2; round++) sums = sums * prime ^ (sums >> 17);
  uint32_t all = 0;
  for (int lane = 0; lane < LANES; lane++) all ^= sums[lane];
  return all;
}

#if defined(__x86_64__)
static __attribute__((target("avx2"))) uint32_t sum_avx2(const uint8_t *page, size_t length) {
  return sum(page, length);
}

static __attribute__((target("avx512f"))) uint32_t sum_avx512(const uint8_t *page, size_t length) {
  return sum(page, length);
}
#endif

static uint32_t fastest_sum(const uint8_t *page, size_t length) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return sum_avx512(page, length);
  if (__builtin_cpu_supports("avx2")) return sum_avx2(page, length);
#endif
  return sum(page, length);
}

uint16_t coffer_page_checksum(const void *page, size_t length, uint32_t number) {
  // 0 would say that there is none.
  return (uint16_t)((fastest_sum(page, length) ^ number) % 65535 + 1);
}
