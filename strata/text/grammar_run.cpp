#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "strata/base/error.h"
#include "strata/text/grammar.h"

// A grammar is followed as a pushdown automaton with a set of stacks. A stack is a chain of frames, each a node to go on
// from and the frame below it; frames and sets of frames are numbered, equal ones by the same number, so that where a set
// goes with a byte is looked up the second time.
namespace strata {
namespace {

using Kind = Grammar::Node::Kind;

constexpr size_t kMostFrames = 4'000'000;
constexpr size_t kMostSets = 400'000;
constexpr size_t kMostStacks = 20'000;    // in one set
constexpr size_t kMostSteps = 1'000'000;  // for one byte
constexpr size_t kMostStepsOfMask = 100'000'000;
constexpr size_t kMostHeld = 64'000'000;     // stacks in all sets
constexpr size_t kForgetFrames = 1'000'000;  // begin afresh with what is needed beyond these
constexpr size_t kForgetSets = 100'000;
constexpr size_t kForgetHeld = 16'000'000;
constexpr size_t kMostMasks = 256;

uint64_t pair_key(int32_t a, int32_t b) {
  return static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32 | static_cast<uint32_t>(b);
}

[[noreturn]] void too_much() {
  fail("grammar: following it takes too much time or memory; make it less ambiguous, or its repetitions shorter");
}

class Automaton {
 public:
  static constexpr int32_t kDone = -1;    // the stack on which nothing is left
  static constexpr int32_t kNowhere = 0;  // the set without stacks

  explicit Automaton(const Grammar& grammar) : grammar_(grammar) {
    clear();
    work_.push_back({grammar_.rules[static_cast<size_t>(grammar_.root)].start, kDone});
    start_ = number(follow());
  }

  int32_t start() const { return start_; }
  bool complete(int32_t set) const {
    return !sets_[static_cast<size_t>(set)].empty() && sets_[static_cast<size_t>(set)].front() == kDone;
  }
  bool finished(int32_t set) const { return complete(set) && sets_[static_cast<size_t>(set)].size() == 1; }

  /// The set that a byte leads to; kNowhere when it may not come.
  int32_t after(int32_t set, uint8_t byte) {
    const uint64_t key = static_cast<uint64_t>(set) << 8 | byte;
    if (const auto known = next_.find(key); known != next_.end()) return known->second;
    work_.clear();  // of what was too much
    for (const int32_t stack : sets_[static_cast<size_t>(set)]) {
      if (stack == kDone) continue;
      const Frame frame = frames_[static_cast<size_t>(stack)];
      const auto& node = grammar_.nodes[static_cast<size_t>(frame.node)];
      if (grammar_.sets[static_cast<size_t>(node.target)][byte]) work_.push_back({node.next, frame.below});
    }
    const int32_t result = number(follow());
    next_.emplace(key, result);
    return result;
  }

  /// Steps taken so far, for limits on time.
  size_t steps() const { return steps_; }

  /// Forgets all but one set when much has come together, and gives it a new number. Whether it did.
  bool tidy(int32_t& set) {
    if (frames_.size() < kForgetFrames && sets_.size() < kForgetSets && held_ < kForgetHeld) return false;
    const std::vector<Frame> frames = std::move(frames_);
    const std::vector<int32_t> stacks = sets_[static_cast<size_t>(set)];
    clear();
    std::unordered_map<int32_t, int32_t> moved;
    std::vector<int32_t> kept;
    kept.reserve(stacks.size());
    for (const int32_t stack : stacks) kept.push_back(move(stack, frames, moved));
    set = number(std::move(kept));
    return true;
  }

 private:
  struct Frame {
    int32_t node, below;
  };

  void clear() {
    frames_.clear();
    frame_numbers_.clear();
    sets_.assign(1, {});
    set_numbers_.clear();
    set_numbers_.emplace(std::vector<int32_t>(), kNowhere);
    next_.clear();
    held_ = 0;
  }

  int32_t frame(int32_t node, int32_t below) {
    const auto [known, fresh] = frame_numbers_.emplace(pair_key(node, below), static_cast<int32_t>(frames_.size()));
    if (fresh) {
      if (frames_.size() == kMostFrames) {
        frame_numbers_.erase(known);
        too_much();
      }
      frames_.push_back({node, below});
    }
    return known->second;
  }

  int32_t move(int32_t stack, const std::vector<Frame>& frames, std::unordered_map<int32_t, int32_t>& moved) {
    std::vector<int32_t> chain;
    for (; stack != kDone && !moved.contains(stack); stack = frames[static_cast<size_t>(stack)].below)
      chain.push_back(stack);
    int32_t below = stack == kDone ? kDone : moved.at(stack);
    for (auto each = chain.rbegin(); each != chain.rend(); ++each)
      moved.emplace(*each, below = frame(frames[static_cast<size_t>(*each)].node, below));
    return below;
  }

  int32_t number(std::vector<int32_t> stacks) {
    std::sort(stacks.begin(), stacks.end());
    stacks.erase(std::unique(stacks.begin(), stacks.end()), stacks.end());
    if (stacks.size() > kMostStacks) too_much();
    const auto [known, fresh] = set_numbers_.emplace(std::move(stacks), static_cast<int32_t>(sets_.size()));
    if (fresh) {
      if (sets_.size() == kMostSets || held_ + known->first.size() > kMostHeld) {
        set_numbers_.erase(known);
        too_much();
      }
      held_ += known->first.size();
      sets_.push_back(known->first);
    }
    return known->second;
  }

  // The stacks, each with a node that takes a byte on top, that the frames in work_ lead to without one. The same place
  // with the same stack below is followed once, whichever frame led to it.
  std::vector<int32_t> follow() {
    std::vector<int32_t> stacks;
    // Clearing takes as long as the table is large, also where little is in it.
    if (seen_.bucket_count() > 4096)
      seen_ = {};
    else
      seen_.clear();
    const size_t most = steps_ + kMostSteps;
    for (; !work_.empty(); ++steps_) {
      if (steps_ > most) too_much();
      const Frame at = work_.back();
      work_.pop_back();
      if (!seen_.insert(pair_key(at.node, at.below)).second) continue;
      const auto& here = grammar_.nodes[static_cast<size_t>(at.node)];
      if (here.kind == Kind::bytes) {
        stacks.push_back(frame(at.node, at.below));
      } else if (here.kind == Kind::split) {
        work_.push_back({here.next, at.below});
        work_.push_back({here.target, at.below});
      } else if (here.kind == Kind::call) {
        // A rule that ends with a call leaves nothing to come back to: lists need no stack.
        const bool last = grammar_.nodes[static_cast<size_t>(here.next)].kind == Kind::end;
        work_.push_back(
            {grammar_.rules[static_cast<size_t>(here.target)].start, last ? at.below : frame(here.next, at.below)});
      } else if (at.below == kDone) {
        stacks.push_back(kDone);
      } else {
        work_.push_back(frames_[static_cast<size_t>(at.below)]);
      }
    }
    return stacks;
  }

  struct Hash {
    size_t operator()(const std::vector<int32_t>& stacks) const {
      uint64_t hash = stacks.size();
      for (const int32_t stack : stacks) hash = (hash ^ static_cast<uint32_t>(stack)) * 0x9e3779b97f4a7c15ULL;
      return hash ^ hash >> 29;
    }
  };

  const Grammar& grammar_;
  std::vector<Frame> frames_;
  std::unordered_map<uint64_t, int32_t> frame_numbers_;
  std::vector<std::vector<int32_t>> sets_;  // sorted, so that kDone comes first
  std::unordered_map<std::vector<int32_t>, int32_t, Hash> set_numbers_;
  std::unordered_map<uint64_t, int32_t> next_;
  std::vector<Frame> work_;
  std::unordered_set<uint64_t> seen_;
  size_t steps_ = 0, held_ = 0;
  int32_t start_ = kNowhere;
};

class GrammarConstraint final : public Constraint {
 public:
  GrammarConstraint(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTrie> trie)
      : grammar_(std::move(grammar)), trie_(std::move(trie)), automaton_(*grammar_), at_(automaton_.start()) {}

  void allow(std::span<float> logits) override {
    const std::vector<bool>& allowed = mask();
    bool any = false;
    for (size_t id = 0; id < logits.size(); ++id) {
      if (id < allowed.size() && allowed[id])
        any = true;
      else
        logits[id] = -std::numeric_limits<float>::infinity();
    }
    if (!any)
      fail("grammar: no token of the vocabulary can come next",
           automaton_.complete(at_) ? ", and the model has no token that ends the output"
                                    : "; the vocabulary lacks what the grammar asks for");
  }

  void accept(int32_t token) override {
    if (std::find(trie_->ends().begin(), trie_->ends().end(), token) != trie_->ends().end() && automaton_.complete(at_))
      return;
    int32_t to = at_;
    const bool known = token >= 0 && token < std::ssize(trie_->tokens());
    if (known)
      for (const char c : trie_->tokens()[static_cast<size_t>(token)])
        to = automaton_.after(to, static_cast<uint8_t>(c));
    if (!known || trie_->tokens()[static_cast<size_t>(token)].empty() || to == Automaton::kNowhere)
      fail("grammar: token ", token, " came, which may not come here");
    at_ = to;
    if (automaton_.tidy(at_)) masks_.clear();
  }

  bool finished() const override { return automaton_.finished(at_); }

 private:
  // Which tokens may come: a walk down the tree of tokens, as far as the grammar follows.
  const std::vector<bool>& mask() {
    if (const auto known = masks_.find(at_); known != masks_.end()) return known->second;
    if (masks_.size() == kMostMasks) masks_.clear();
    std::vector<bool> allowed(trie_->tokens().size(), false);
    std::vector<std::pair<int32_t, int32_t>> work;  // node of the tree, set before its byte
    const auto& nodes = trie_->nodes();
    const auto descend = [&](int32_t node, int32_t set) {
      for (int32_t child = nodes[static_cast<size_t>(node)].child; child >= 0;
           child = nodes[static_cast<size_t>(child)].sibling)
        work.emplace_back(child, set);
    };
    descend(0, at_);
    const size_t most = automaton_.steps() + kMostStepsOfMask;
    while (!work.empty()) {
      if (automaton_.steps() > most) too_much();
      const auto [node, set] = work.back();
      work.pop_back();
      const int32_t next = automaton_.after(set, nodes[static_cast<size_t>(node)].byte);
      if (next == Automaton::kNowhere) continue;
      for (int32_t token = nodes[static_cast<size_t>(node)].tokens; token >= 0;
           token = trie_->more()[static_cast<size_t>(token)])
        allowed[static_cast<size_t>(token)] = true;
      descend(node, next);
    }
    for (const int32_t end : trie_->ends())
      if (end >= 0 && end < std::ssize(allowed)) allowed[static_cast<size_t>(end)] = automaton_.complete(at_);
    return masks_.emplace(at_, std::move(allowed)).first->second;
  }

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const TokenTrie> trie_;
  Automaton automaton_;
  int32_t at_;
  std::unordered_map<int32_t, std::vector<bool>> masks_;
};

}  // namespace

TokenTrie::TokenTrie(const std::vector<std::string>& tokens, std::vector<int32_t> ends)
    : more_(tokens.size(), -1), ends_(std::move(ends)), tokens_(tokens) {
  nodes_.emplace_back();
  // In alphabetic order a token's path shares its beginning with that of the token before it.
  std::vector<int32_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const int sign = tokens[static_cast<size_t>(a)].compare(tokens[static_cast<size_t>(b)]);
    return sign != 0 ? sign < 0 : a < b;
  });
  std::vector<int32_t> path{0};
  std::string_view before;
  for (const int32_t id : order) {
    const std::string_view text = tokens[static_cast<size_t>(id)];
    if (text.empty()) continue;
    const auto common =
        static_cast<size_t>(std::mismatch(text.begin(), text.end(), before.begin(), before.end()).first - text.begin());
    path.resize(common + 1);
    for (size_t i = common; i < text.size(); ++i) {
      const auto fresh = static_cast<int32_t>(nodes_.size());
      Node& parent = nodes_[static_cast<size_t>(path.back())];
      const int32_t sibling = std::exchange(parent.child, fresh);
      nodes_.push_back({-1, sibling, -1, static_cast<uint8_t>(text[i])});
      path.push_back(fresh);
    }
    int32_t& first = nodes_[static_cast<size_t>(path.back())].tokens;
    more_[static_cast<size_t>(id)] = std::exchange(first, id);
    before = text;
  }
}

std::unique_ptr<Constraint> make_constraint(std::shared_ptr<const Grammar> grammar,
                                            std::shared_ptr<const TokenTrie> trie) {
  return std::make_unique<GrammarConstraint>(std::move(grammar), std::move(trie));
}

GrammarMatch match_grammar(const Grammar& grammar, std::string_view text) {
  Automaton automaton(grammar);
  int32_t at = automaton.start();
  for (const char c : text) {
    at = automaton.after(at, static_cast<uint8_t>(c));
    if (at == Automaton::kNowhere) return {};
    automaton.tidy(at);
  }
  return {automaton.complete(at), at != Automaton::kNowhere};
}

}  // namespace strata
