#include "strata/eval/exam.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/eval/score.h"

namespace strata {

ExamBatch ImageExam::at(int64_t batch) const {
  const int64_t first = batch * batch_, end = std::min(first + batch_, set_.size());
  return {image_stream(normalised(image_batch(set_, first, end), config_)), set_.labels.slice(0, first, end)};
}

void ImageExam::check(const Stack& stack) const {
  check_scorable(stack, set_, batch_);
}

TextExam::TextExam(TextSet set, int64_t context, int64_t stride, int64_t rows) : set_(std::move(set)) {
  if (context < 1 || stride < 1 || stride > context)
    fail_usage("text: expected a context of at least 1 and a stride from 1 to it, got ", context, " and ", stride);
  const int64_t* offsets = set_.offsets.const_data_ptr<int64_t>();
  const int32_t* ids = set_.tokens.const_data_ptr<int32_t>();
  const bool* counted = set_.counted.defined() ? set_.counted.const_data_ptr<bool>() : nullptr;
  int64_t waiting = rows;
  for (int64_t d = 0; d < set_.documents(); ++d) {
    const int64_t end = offsets[d + 1] - 1;  // of the inputs
    int64_t asked = offsets[d];
    for (int64_t first = offsets[d]; asked < end; first += stride) {
      const int64_t length = std::min(context, end - first);
      if (waiting >= rows) starts_.push_back(windows_.size()), waiting = 0;
      windows_.push_back({first, length, asked});
      waiting += length;
      for (; asked < first + length; ++asked) {
        if (counted && !counted[asked + 1]) continue;
        ++samples_;
        bytes_ += set_.bytes.at(ids[asked + 1]);
      }
    }
  }
  starts_.push_back(windows_.size());
  if (samples_ == 0) fail("text '", set_.name, "': has no token to predict from one before it");
}

ExamBatch TextExam::at(int64_t batch) const {
  const int32_t* ids = set_.tokens.const_data_ptr<int32_t>();
  const bool* counted = set_.counted.defined() ? set_.counted.const_data_ptr<bool>() : nullptr;
  std::vector<int64_t> tokens, targets, lengths;
  for (size_t i = starts_.at(batch); i < starts_.at(batch + 1); ++i) {
    const auto [first, length, asked] = windows_[i];
    lengths.push_back(length);
    for (int64_t at = first; at < first + length; ++at) {
      tokens.push_back(ids[at]);
      targets.push_back(at >= asked && (!counted || counted[at + 1]) ? ids[at + 1] : -100);
    }
  }
  return {Stream("tokens", at::tensor(tokens, at::kLong), ragged_rows(lengths)), at::tensor(targets, at::kLong)};
}

void TextExam::check(const Stack& stack) const {
  const int64_t known = stack.head ? stack.head->spec().out.front().channels : 0;
  if (const int64_t most = set_.tokens.max().item<int64_t>(); most >= known)
    fail("text '", set_.name, "': has token ", most, ", but the model knows ", known,
         "; is it read with the tokenizer the model was trained with?");
}

}  // namespace strata
