#include "strata/stack/stack.h"

#include "strata/base/error.h"

namespace strata {

std::vector<ParamInfo> params_of(const Stack& stack) {
  std::vector<ParamInfo> all;
  if (stack.embed) append(all, prefixed("embed", stack.embed->params()));
  for (size_t i = 0; i < stack.blocks.size(); ++i)
    append(all, prefixed("blocks." + std::to_string(i), stack.blocks[i]->params()));
  if (stack.norm) append(all, prefixed("norm", stack.norm->params()));
  if (stack.head) append(all, prefixed("head", stack.head->params()));
  std::vector<ParamInfo> result;
  std::map<std::string, std::vector<int64_t>> shared;
  for (auto& param : all) {
    if (param.shared) {
      const auto [known, fresh] = shared.emplace(param.name, param.shape);
      if (known->second != param.shape)
        fail("stack '", stack.name, "': blocks disagree about the shared weight '", param.name,
             "': ", at::IntArrayRef(known->second), " and ", at::IntArrayRef(param.shape));
      if (!fresh) continue;
      param.name = "shared." + param.name;
    }
    result.push_back(std::move(param));
  }
  return result;
}

Stack wire_stack(std::string name, BlockPtr embed, std::vector<BlockPtr> blocks, BlockPtr norm, BlockPtr head) {
  Stack stack{.name = std::move(name),
              .embed = std::move(embed),
              .blocks = std::move(blocks),
              .norm = std::move(norm),
              .head = std::move(head)};
  stack.chain.stack = stack.name;
  if (stack.embed) stack.chain.embed_out = stack.embed->spec().out;
  for (const auto& block : stack.blocks) stack.chain.blocks.push_back(block->spec());
  if (const BlockPtr& reader = stack.norm ? stack.norm : stack.head) stack.chain.head_in = reader->spec().in;
  return stack;
}

Stack make_stack(std::string name, BlockPtr embed, std::vector<BlockPtr> blocks, BlockPtr norm, BlockPtr head,
                 Random random) {
  Stack stack = wire_stack(std::move(name), std::move(embed), std::move(blocks), std::move(norm), std::move(head));
  for (const auto& param : params_of(stack)) {
    stack.weights.insert(
        {param.name, initial_value(param, random.fork(std::string_view(param.name))), param.decay, param.trained});
  }
  return stack;
}

}  // namespace strata
