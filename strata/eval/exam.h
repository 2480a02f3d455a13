#pragma once

#include <memory>
#include <string>

#include "strata/data/images.h"
#include "strata/data/text.h"
#include "strata/stack/stack.h"

namespace strata {

/// What a stack reads, and what its head should say: a class for each output row, -100 where nobody asks.
struct ExamBatch {
  Stream input;
  Tensor targets;  // int64 [output rows]
};

/// Questions with known answers, batch by batch: what models and routes are scored on.
class Exam {
 public:
  virtual ~Exam() = default;
  virtual std::string name() const = 0;
  virtual int64_t samples() const = 0;  // images; tokens that are to be predicted
  virtual int64_t batches() const = 0;
  virtual ExamBatch at(int64_t batch) const = 0;
  /// Bytes of text that the answers stand for; 0 where they are no text.
  virtual double bytes() const { return 0; }
  /// Whether the head says something for each row of the stream on its own, so that it can be asked piece by piece.
  virtual bool by_row() const { return false; }
  /// Throws Error unless a stack can be asked: the answers are among what its head knows.
  virtual void check(const Stack& stack) const = 0;
};

/// Images, `batch` at a time, without augmentation. The set must outlive it.
class ImageExam final : public Exam {
 public:
  ImageExam(const ImageSet& set, const ImageConfig& config, int64_t batch)
      : set_(set), config_(config), batch_(batch) {}
  std::string name() const override { return set_.name; }
  int64_t samples() const override { return set_.size(); }
  int64_t batches() const override { return (set_.size() + batch_ - 1) / batch_; }
  ExamBatch at(int64_t batch) const override;
  void check(const Stack& stack) const override;

 private:
  const ImageSet& set_;
  ImageConfig config_;
  int64_t batch_;
};

/// Every token of every document but the first, predicted from those before it: windows of `context` tokens, each
/// `stride` further on, in which the tokens count that no earlier window has asked for. With stride = context every
/// token is read once; a small stride gives each token at least context - stride tokens to be predicted from.
class TextExam final : public Exam {
 public:
  /// `rows` tokens at a time, about. Tokens with set.counted false are read, not asked for. Throws Error when there is
  /// nothing to ask.
  TextExam(TextSet set, int64_t context, int64_t stride, int64_t rows = 4096);
  std::string name() const override { return set_.name; }
  int64_t samples() const override { return samples_; }
  int64_t batches() const override { return std::ssize(starts_) - 1; }
  ExamBatch at(int64_t batch) const override;
  double bytes() const override { return bytes_; }
  bool by_row() const override { return true; }
  void check(const Stack& stack) const override;

 private:
  // Inputs first .. first + length - 1, of which the targets from `asked` on count.
  struct Window {
    int64_t first, length, asked;
  };
  TextSet set_;
  std::vector<Window> windows_;
  std::vector<size_t> starts_;  // batch b has windows starts_[b] .. starts_[b + 1] - 1
  int64_t samples_ = 0;
  double bytes_ = 0;
};

}  // namespace strata
