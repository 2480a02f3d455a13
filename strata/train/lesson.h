#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "strata/eval/exam.h"
#include "strata/models/model.h"
#include "strata/stack/run.h"
#include "strata/train/recipe.h"

namespace strata {

/// What a model is trained on: the part of training that knows images from text. The loop owns everything else.
class Lesson {
 public:
  virtual ~Lesson() = default;

  /// A checksum of what is learned from.
  virtual std::string checksum() const = 0;
  /// Throws Error when the data are none for this recipe's model.
  virtual void check() const = 0;
  /// What whoever trains should know; empty where there is nothing.
  virtual std::string warning() const { return {}; }

  /// Begins to make batches, from that of `first_step` on.
  virtual void start(int64_t first_step) = 0;
  /// Makes the next batch the current one; returns how many sequences (or images) it has.
  virtual int64_t next() = 0;
  /// Images or tokens of the current batch, and what they are called.
  virtual int64_t units() const = 0;
  virtual const char* unit() const = 0;

  /// A piece of the loss of the current batch, of sequences first .. first + count - 1, and what it counts: the loss of
  /// the batch is the sum of share * loss over its pieces. `draw` is that of the piece.
  struct Piece {
    Tensor loss;
    double share = 1;
  };
  virtual Piece loss(const Stack& stack, const Draw& draw, int64_t first, int64_t count,
                     const RunOptions& options) const = 0;

  /// What the model is measured on; nullptr when nothing was held out.
  virtual const Exam* exam() const = 0;
  /// Tells a trained model about its data: classes, normalisation, tokeniser.
  virtual void finish(Model& model) const = 0;
};

}  // namespace strata
