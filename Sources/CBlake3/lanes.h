// Several inputs at once, a word of each in a vector. Included once for each kernel, with its name as `HASH_LANES`, its
// number of lanes as `LANES`, and for that number `lanes` and `transpose`; the compiler makes of the vectors what the
// kernel's instructions are.

static void HASH_LANES(const lane_inputs *in, const uint32_t key[CV_WORDS], uint32_t out[][CV_WORDS]) {
  lanes h[LANES], counter_low, counter_high;
  uint32_t short_value[CV_WORDS];
  for (int i = 0; i < LANES; i++) h[i] = (lanes){} + (i < CV_WORDS ? key[i] : 0);
  for (int i = 0; i < LANES; i++) {
    counter_low[i] = (uint32_t)(in->counter + i * in->counter_step);
    counter_high[i] = (uint32_t)((in->counter + i * in->counter_step) >> 32);
  }
  for (size_t block = 0; block < in->blocks; block++) {
    lanes m[16], v[16];
    // So many streams at a time are too many for the processor to see what comes next by itself.
    for (int i = 0; i < LANES; i++) __builtin_prefetch(in->inputs[i] + (block + 4) * BLOCK_SIZE);
    for (int part = 0; part < 16; part += LANES) {
      for (int i = 0; i < LANES; i++) memcpy(&m[part + i], in->inputs[i] + block * BLOCK_SIZE + part * 4, sizeof(lanes));
      transpose((m + part));
    }
    lanes flags = (lanes){} + flags_of(in, block, in->blocks), lengths = (lanes){} + BLOCK_SIZE;
    int is_short_end = in->short_lane >= 0 && block + 1 == in->short_blocks;
    if (is_short_end) {
      flags[in->short_lane] = flags_of(in, block, in->short_blocks);
      lengths[in->short_lane] = in->short_length;
    }
    for (int i = 0; i < CV_WORDS; i++) v[i] = h[i];
    for (int i = 0; i < 4; i++) v[8 + i] = (lanes){} + initial_vector[i];
    v[12] = counter_low;
    v[13] = counter_high;
    v[14] = lengths;
    v[15] = flags;
    SEVEN_ROUNDS(m);
    for (int i = 0; i < CV_WORDS; i++) h[i] = v[i] ^ v[i + 8];
    if (is_short_end) {
      for (int i = 0; i < CV_WORDS; i++) short_value[i] = h[i][in->short_lane];
    }
  }
  transpose(h);
  for (int i = 0; i < LANES; i++) memcpy(out[i], &h[i], CV_WORDS * sizeof **out);
  if (in->short_lane >= 0) memcpy(out[in->short_lane], short_value, sizeof short_value);
}
