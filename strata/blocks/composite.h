#pragma once

#include "strata/blocks/block.h"

namespace strata {

/// A block made of named parts that run one after the other, each on what the one before left: "4" is "4.mixer,4.ffn",
/// bit for bit. Parts side by side all read the stream as the block found it: "4" is "4.mixer+4.ffn".
class Composite final : public Block {
 public:
  Composite(std::string name, std::vector<Part> parts, bool side_by_side = false);

  BlockSpec spec() const override;
  std::vector<ParamInfo> params() const override;
  std::vector<Need> needs() const override;
  std::span<const Part> parts() const override { return parts_; }
  bool side_by_side() const override { return side_by_side_; }
  /// Never called: whoever runs blocks runs the parts of this one. Throws.
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override;

 private:
  std::string name_;
  std::vector<Part> parts_;
  bool side_by_side_;
};

}  // namespace strata
