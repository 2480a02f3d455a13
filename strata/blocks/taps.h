#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "strata/blocks/stream.h"

namespace strata {

/// Named intermediates of a pass, kept with their gradients. Only what was asked for is recorded; nothing is computed
/// when nobody asks.
///   embed                          the stream before the first step
///   slot.3                         the stream after step 3 (its first track)
///   slot.3.block.7.mixer           what part `mixer` of block 7 gave back in slot 3 (a block without parts:
///   slot.3.block.7) slot.3.block.7.mixer.scores    an intermediate the part itself records norm, head after the final
///   norm; what the head gave
/// A name ending in * asks for all that begin so; `slot.*.` style patterns match one component per *.
class Taps {
 public:
  Taps() = default;
  explicit Taps(const std::vector<std::string>& names) {
    for (const auto& name : names) want(name);
  }

  void want(const std::string& name) { wanted_.insert(name); }
  bool wants(std::string_view name) const;
  /// Keeps the value when it is wanted. A name recorded twice in one pass is a mistake and throws.
  void record(const std::string& name, const Tensor& value);

  const std::map<std::string, Tensor, std::less<>>& values() const { return values_; }
  /// Throws Error naming what was recorded.
  const Tensor& at(std::string_view name) const;
  /// Names asked for, patterns left out, that nothing was recorded under.
  std::vector<std::string> missing() const;
  void clear() { values_.clear(); }

 private:
  std::set<std::string, std::less<>> wanted_;
  std::map<std::string, Tensor, std::less<>> values_;
};

}  // namespace strata
