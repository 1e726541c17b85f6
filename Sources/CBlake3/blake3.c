#include "CBlake3.h"

#include "compression.h"

// MARK: - Kernels

/// What the lanes of a kernel hash: inputs of the same number of whole blocks, but for one that may be shorter.
typedef struct {
  /// Each as long as the longest; what a shorter one holds behind its end does not matter, but for zeros up to the end
  /// of its last block.
  const uint8_t *inputs[WIDE];
  size_t blocks;
  /// That of the first input; it grows by `counter_step` from one to the next.
  uint64_t counter, counter_step;
  uint32_t flags, first_flags, last_flags;
  /// The lane that ends earlier, or -1.
  int short_lane;
  size_t short_blocks;
  uint32_t short_length;
} lane_inputs;

static inline uint32_t flags_of(const lane_inputs *in, size_t block, size_t blocks) {
  return in->flags | (block == 0 ? in->first_flags : 0) | (block + 1 == blocks ? in->last_flags : 0);
}

typedef void hash_lanes(const lane_inputs *in, const uint32_t key[CV_WORDS], uint32_t out[][CV_WORDS]);

/// Exchanges, among rows that are `distance` apart, the places that are not on the diagonal of squares of that size.
/// `low` and `high` are what becomes of both rows, as places in the one (from 0) and in the other (from `count`).
#define EXCHANGE(rows, count, distance, low, high)                   \
  for (int i = 0; i < (count); i++) {                                \
    if (i & (distance)) continue;                                    \
    lanes one = (rows)[i], other = (rows)[i + (distance)];           \
    (rows)[i] = __builtin_shufflevector(one, other, low);            \
    (rows)[i + (distance)] = __builtin_shufflevector(one, other, high); \
  }
#define LIST(...) __VA_ARGS__

/// Makes columns of eight rows of eight words.
#define TRANSPOSE_NARROW(rows)                                                                         \
  EXCHANGE(rows, 8, 1, LIST(0, 8, 2, 10, 4, 12, 6, 14), LIST(1, 9, 3, 11, 5, 13, 7, 15))                \
  EXCHANGE(rows, 8, 2, LIST(0, 1, 8, 9, 4, 5, 12, 13), LIST(2, 3, 10, 11, 6, 7, 14, 15))                \
  EXCHANGE(rows, 8, 4, LIST(0, 1, 2, 3, 8, 9, 10, 11), LIST(4, 5, 6, 7, 12, 13, 14, 15))

/// Makes columns of sixteen rows of sixteen words.
#define TRANSPOSE_WIDE(rows)                                                                           \
  EXCHANGE(rows, 16, 1, LIST(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),                \
           LIST(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))                             \
  EXCHANGE(rows, 16, 2, LIST(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),                 \
           LIST(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))                            \
  EXCHANGE(rows, 16, 4, LIST(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),                 \
           LIST(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))                            \
  EXCHANGE(rows, 16, 8, LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),                   \
           LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))

typedef uint32_t narrow_lanes __attribute__((vector_size(4 * NARROW)));
typedef uint32_t wide_lanes __attribute__((vector_size(4 * WIDE)));

#define LANES NARROW
#define lanes narrow_lanes
#define transpose(rows) TRANSPOSE_NARROW(rows)
#define HASH_LANES hash_lanes_portable
#include "lanes.h"
#undef HASH_LANES

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define HASH_LANES hash_lanes_avx2
#include "lanes.h"
#undef HASH_LANES
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,avx512f,avx512vl"))), apply_to = function)
#define HASH_LANES hash_lanes_avx512
#include "lanes.h"
#undef HASH_LANES
#undef transpose
#undef lanes
#undef LANES

#define LANES WIDE
#define lanes wide_lanes
#define transpose(rows) TRANSPOSE_WIDE(rows)
#define HASH_LANES hash_wide_lanes_avx512
#include "lanes.h"
#undef HASH_LANES
#pragma clang attribute pop
#endif

enum coffer_blake3_kernel coffer_blake3_best_kernel(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vl")) return COFFER_BLAKE3_AVX512;
  if (__builtin_cpu_supports("avx2")) return COFFER_BLAKE3_AVX2;
#endif
  return COFFER_BLAKE3_PORTABLE;
}

// MARK: - The tree

typedef struct {
  hash_lanes *hash;
  /// The same for up to 16 inputs; NULL if that is no faster than two times eight.
  hash_lanes *hash_wide;
  /// Below this many inputs, one after the other is faster than a kernel with idle lanes.
  size_t lanes_worth;
  uint32_t key[CV_WORDS];
} hasher;

static hasher make_hasher(enum coffer_blake3_kernel kernel) {
  switch (kernel) {
#if defined(__x86_64__)
    case COFFER_BLAKE3_AVX512: return (hasher){hash_lanes_avx512, hash_wide_lanes_avx512, 2, {0}};
    case COFFER_BLAKE3_AVX2: return (hasher){hash_lanes_avx2, NULL, 2, {0}};
#endif
    default: return (hasher){hash_lanes_portable, NULL, 4, {0}};
  }
}

/// Leaves whose values are held at the same time.
enum { GROUP = 64 };

/// Compresses a leaf of up to 1024 bytes. Of the last block all 16 words are given.
static void hash_leaf(const hasher *self, const uint8_t *input, size_t length, uint64_t counter, uint32_t last_flags,
                      uint32_t v[16]) {
  uint32_t cv[CV_WORDS];
  uint32_t flags = KEYED_HASH | CHUNK_START;
  memcpy(cv, self->key, sizeof cv);
  while (length > BLOCK_SIZE) {
    compress(cv, input, BLOCK_SIZE, counter, flags, v);
    memcpy(cv, v, sizeof cv);
    flags = KEYED_HASH;
    input += BLOCK_SIZE;
    length -= BLOCK_SIZE;
  }
  uint8_t block[BLOCK_SIZE] = {0};
  if (length > 0) memcpy(block, input, length);
  compress(cv, block, (uint32_t)length, counter, flags | CHUNK_END | last_flags, v);
}

/// Hashes as many of `count` inputs as one call of a kernel takes; lanes without an input have the first one's.
static size_t hash_some(const hasher *self, lane_inputs *in, size_t count, uint32_t out[][CV_WORDS]) {
  int is_wide = count > NARROW && self->hash_wide != NULL;
  size_t lanes = is_wide ? WIDE : NARROW, taken = count < lanes ? count : lanes;
  for (size_t i = taken; i < lanes; i++) in->inputs[i] = in->inputs[0];
  uint32_t values[WIDE][CV_WORDS];
  (is_wide ? self->hash_wide : self->hash)(in, self->key, values);
  memcpy(out, values, taken * sizeof *values);
  return taken;
}

/// Hashes leaves that lie one after the other; the last may be shorter.
static void hash_leaves(const hasher *self, const uint8_t *input, size_t length, uint64_t counter,
                        uint32_t out[][CV_WORDS]) {
  while (length > 0) {
    size_t leaves = (length + LEAF_SIZE - 1) / LEAF_SIZE;
    if (leaves < self->lanes_worth) {
      uint32_t v[16];
      size_t taken = length < LEAF_SIZE ? length : LEAF_SIZE;
      hash_leaf(self, input, taken, counter, 0, v);
      memcpy(out[0], v, sizeof *out);
      out += 1, counter += 1, input += taken, length -= taken;
      continue;
    }
    size_t lanes = leaves > NARROW && self->hash_wide != NULL ? WIDE : NARROW;
    size_t count = leaves < lanes ? leaves : lanes;
    size_t taken = length < count * LEAF_SIZE ? length : count * LEAF_SIZE;
    uint8_t last[LEAF_SIZE];
    lane_inputs in = {.blocks = LEAF_SIZE / BLOCK_SIZE, .counter = counter, .counter_step = 1, .flags = KEYED_HASH,
                      .first_flags = CHUNK_START, .last_flags = CHUNK_END, .short_lane = -1};
    for (size_t i = 0; i < count; i++) in.inputs[i] = input + i * LEAF_SIZE;
    size_t rest = taken % LEAF_SIZE;
    if (rest > 0) {
      in.short_blocks = (rest + BLOCK_SIZE - 1) / BLOCK_SIZE;
      in.short_length = (uint32_t)(rest - (in.short_blocks - 1) * BLOCK_SIZE);
      in.short_lane = (int)count - 1;
      memcpy(last, input + taken - rest, rest);
      memset(last + rest, 0, LEAF_SIZE - rest);
      in.inputs[count - 1] = last;
    }
    hash_some(self, &in, count, out);
    out += count, counter += count, input += taken, length -= taken;
  }
}

/// Hashes pairs of values.
static void hash_parents(const hasher *self, const uint32_t values[][CV_WORDS], size_t pairs,
                         uint32_t out[][CV_WORDS]) {
  lane_inputs in = {.blocks = 1, .flags = KEYED_HASH | PARENT, .short_lane = -1};
  while (pairs >= self->lanes_worth) {
    for (size_t i = 0; i < WIDE && i < pairs; i++) in.inputs[i] = (const uint8_t *)values[2 * i];
    size_t count = hash_some(self, &in, pairs, out);
    out += count, values += 2 * count, pairs -= count;
  }
  for (; pairs > 0; pairs--, out++, values += 2) {
    uint32_t v[16];
    compress(self->key, (const uint8_t *)values, BLOCK_SIZE, 0, in.flags, v);
    memcpy(out[0], v, sizeof *out);
  }
}

/// Joins neighbours until at most `target` values are left, which stay in `values`; one without a neighbour goes up as
/// it is.
static size_t join(const hasher *self, uint32_t values[][CV_WORDS], size_t count, size_t target) {
  while (count > target) {
    uint32_t parents[GROUP / 2][CV_WORDS];
    size_t pairs = count / 2;
    hash_parents(self, values, pairs, parents);
    if (count % 2 == 1) memmove(values[pairs], values[count - 1], sizeof *values);
    memcpy(values, parents, pairs * sizeof *parents);
    count = pairs + count % 2;
  }
  return count;
}

/// Gives the values at the top of the tree over the input: at most `target` of them, which is two below the root and
/// else one.
static void hash_tree(const hasher *self, const uint8_t *input, size_t length, uint64_t counter, size_t target,
                      uint32_t out[][CV_WORDS]) {
  size_t leaves = (length + LEAF_SIZE - 1) / LEAF_SIZE;
  uint32_t values[GROUP][CV_WORDS];
  if (leaves > GROUP) {
    // The left part of a tree is the largest that is full.
    size_t left = (size_t)1 << (63 - __builtin_clzll(leaves - 1));
    hash_tree(self, input, left * LEAF_SIZE, counter, 1, values);
    input += left * LEAF_SIZE;
    length -= left * LEAF_SIZE;
    hash_tree(self, input, length, counter + left, 1, values + 1);
    leaves = 2;
  } else {
    hash_leaves(self, input, length, counter, values);
  }
  size_t left = join(self, values, leaves, target);
  memcpy(out, values, left * sizeof *values);
}

void coffer_blake3_keyed(enum coffer_blake3_kernel kernel, const uint8_t key[32], const void *input, size_t length,
                         uint8_t *output, size_t output_length) {
  hasher self = make_hasher(kernel);
  memcpy(self.key, key, sizeof self.key);
  uint32_t v[16];
  if (length <= LEAF_SIZE) {
    hash_leaf(&self, input, length, 0, ROOT, v);
  } else {
    uint32_t top[2][CV_WORDS];
    hash_tree(&self, input, length, 0, 2, top);
    compress(self.key, (const uint8_t *)top, BLOCK_SIZE, 0, KEYED_HASH | PARENT | ROOT, v);
  }
  memcpy(output, v, output_length);
}
