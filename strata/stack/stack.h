#pragma once

#include <map>
#include <string>
#include <vector>

#include "strata/blocks/block.h"
#include "strata/route/spec.h"

namespace strata {

/// embed -> blocks -> norm -> head over one residual stream, and the weights they read. Which blocks run, and in which
/// order, a route says.
struct Stack {
  std::string name;
  BlockPtr embed;
  std::vector<BlockPtr> blocks;
  BlockPtr norm;  // may be null
  BlockPtr head;  // may be null
  ChainSpec chain;
  Catalogue weights;

  int64_t depth() const { return static_cast<int64_t>(blocks.size()); }
};

/// Wires a stack without weights: params_of() says what it reads before anything is allocated.
Stack wire_stack(std::string name, BlockPtr embed, std::vector<BlockPtr> blocks, BlockPtr norm, BlockPtr head);

/// Wires a stack and gives it fresh weights drawn from `random`: embed.*, blocks.N.*, norm.*, head.*, shared.*. Throws
/// when two blocks disagree about a shared weight.
Stack make_stack(std::string name, BlockPtr embed, std::vector<BlockPtr> blocks, BlockPtr norm, BlockPtr head,
                 Random random);

/// All parameters of a stack under their full names.
std::vector<ParamInfo> params_of(const Stack& stack);

/// Source name -> the stack its blocks come from ("a:0-5,b:6-11").
using StackSources = std::map<std::string, const Stack*, std::less<>>;

}  // namespace strata
