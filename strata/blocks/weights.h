#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "strata/base/random.h"
#include "strata/blocks/params.h"
#include "strata/blocks/stream.h"
#include "strata/ops/pre_norm.h"

namespace strata {

/// The weights of one stack by name, in a fixed order. Tensors are shared, not copied, when a catalogue is. Those of a
/// checkpoint can be pending: read when somebody asks for them first, from any thread.
class Catalogue {
 public:
  struct Entry {
    std::string name;
    Tensor value;
    bool decay = true;
    bool trained = true;
  };

  void insert(Entry entry);  // throws when the name is there already
  /// The same for a tensor of `shape` that `load` makes when it is asked for; entry.value is not looked at.
  void insert_pending(Entry entry, std::vector<int64_t> shape, std::function<Tensor()> load);
  const Entry* find(std::string_view name) const;
  /// Throws Error with the closest known name.
  const Tensor& at(std::string_view name) const;
  void set(std::string_view name, Tensor value);  // same shape, or throws

  /// All of them, none pending any more.
  const std::vector<Entry>& entries() const;
  std::vector<Entry>& entries();
  int64_t parameters() const;  // numbers in trained tensors

 private:
  struct Pending;
  void settle(size_t index) const;

  mutable std::vector<Entry> entries_;
  std::vector<std::shared_ptr<Pending>> pending_;  // beside entries_; null where a value was inserted
  std::map<std::string, size_t, std::less<>> index_;
};

/// A fresh tensor for a parameter; depends on the stream alone, not on threads or on other parameters.
Tensor initial_value(const ParamInfo& info, Random random);

/// scale * b a: what LoRA adds to a weight [out, in]. One pair for all rows (a [rank, in], b [out, rank]), or one of
/// several for each row (a [n, rank, in], b [n, out, rank], choice [rows] int64).
struct LowRank {
  Tensor a, b;
  double scale = 1;
  Tensor choice;
};

/// Changes to named weights for one pass: EMA, LoRA, a merge source, a network's output, a step of meta-learning.
/// Gradients flow into what it holds.
struct Overlay {
  std::map<std::string, Tensor, std::less<>> replace;
  std::map<std::string, Tensor, std::less<>> add;
  std::map<std::string, LowRank, std::less<>> low_rank;  // by the weight's full name; reaches linear() only
};

/// The weights one block sees: names below its prefix, later overlays on top of earlier ones.
class Weights {
 public:
  Weights(const Catalogue& catalogue, std::string prefix, std::span<const Overlay* const> overlays = {})
      : catalogue_(&catalogue), prefix_(std::move(prefix)), overlays_(overlays) {}

  /// The weight with replacements and additions applied. Throws when there is none of that name, or when a low-rank
  /// change was asked for (linear() applies those).
  Tensor operator[](std::string_view name) const;
  bool has(std::string_view name) const;
  /// A weight of the whole stack, the same for all its blocks.
  Tensor shared(std::string_view name) const;
  /// The same weights one level down: child("ffn")["up.weight"] is "<prefix>ffn.up.weight".
  Weights child(std::string_view name) const;

  /// x [rows, in] -> x W^T + b [rows, out], reading name.weight [out, in] and, where it exists, name.bias [out];
  /// low-rank changes included.
  Tensor linear(const Tensor& x, std::string_view name) const;
  /// The same with some output rows (`out`) or input columns (`in`) of W alone; undefined means all.
  Tensor linear(const Tensor& x, std::string_view name, const Tensor& out, const Tensor& in) const;
  /// The weight and, where it exists, the bias that linear() reads, for operators that take in a linear layer whole;
  /// nothing where a low-rank change applies.
  std::optional<ops::LinearWeights> linear_weights(std::string_view name) const;
  /// Rows of a table [entries, channels] by index [rows] int64 -> [rows, channels].
  Tensor gather(std::string_view name, const Tensor& index) const;

 private:
  Tensor resolve(const std::string& full) const;
  const LowRank* low_rank(const std::string& full) const;

  const Catalogue* catalogue_;
  std::string prefix_;
  std::span<const Overlay* const> overlays_;
};

}  // namespace strata
