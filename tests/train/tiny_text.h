#pragma once

#include "strata/train/loop.h"

namespace strata {

/// Lines that count up from a random digit: what follows is certain but for the first digit of a line.
inline TextSet counting_lines(int64_t lines, uint64_t seed) {
  Random random(seed);
  std::vector<TextDocument> documents;
  for (int64_t i = 0; i < lines; ++i) {
    std::string text;
    const uint64_t first = random.below(10);
    for (uint64_t k = 0; k < 8; ++k) text += static_cast<char>('0' + (first + k) % 10);
    documents.push_back({{{text + "\n", true}}});
  }
  return tokenised(documents, byte_codec(), "counting lines");
}

inline TrainData tiny_text_data() {
  TrainData data;
  data.text = counting_lines(400, 1);
  data.test_text = counting_lines(50, 2);
  return data;
}

inline Recipe tiny_text_recipe(const std::vector<std::string>& overrides = {}) {
  return parse_recipe(R"(
[model]
channels = 16
depth = 3
heads = 2
hidden = 32
context = 32
init_std = 0.1
[data]
kind = "text"
context = 18
[sampler]
kind = "shuffle_drop"
drop = 0.1
per_sample = true
[optimiser]
lr = 1e-2
clip = 1
[train]
steps = 100
batch = 8
checkpoint_every = 5
[eval]
orders = 6
)",
                      "tiny_text.toml", overrides);
}

}  // namespace strata
