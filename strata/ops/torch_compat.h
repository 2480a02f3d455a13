#pragma once

#include <torch/csrc/autograd/function.h>

#include <memory>
#include <type_traits>
#include <utility>

// What differs between the LibTorch versions we accept has its one home here.
namespace strata {

/// Autograd nodes are held by shared_ptr up to LibTorch 2.11 or so, by intrusive_ptr later.
template <class Node, class... Args>
auto make_node(Args&&... args) {
  if constexpr (std::is_base_of_v<c10::intrusive_ptr_target, torch::autograd::Node>) {
    return c10::make_intrusive<Node>(std::forward<Args>(args)...);
  } else {
    return std::make_shared<Node>(std::forward<Args>(args)...);
  }
}

}  // namespace strata
