#include "strata/generate/generate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

#include "strata/base/error.h"
#include "strata/blocks/tokens.h"
#include "strata/text/stop_strings.h"

namespace strata {
namespace {

// One output on its way.
struct Sequence {
  Generated result;
  std::vector<int32_t> tokens;  // prompt, then output
  int64_t prompt = 0;
  int64_t seen = 0;  // tokens that have run
  int64_t most = 0;  // of output
  Random random;
  std::unique_ptr<Constraint> constraint;
  std::optional<StreamDecoder> decoder;
  StopStrings stops{{}};

  bool done() const { return !result.reason.empty(); }
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class Loop {
 public:
  Loop(const Stack& stack, const GenerateOptions& options, const Tokenizer* tokenizer)
      : stack_(stack), options_(options), tokenizer_(tokenizer) {
    check(options.sampling);
    if (!tokenizer && !options.stop.empty()) fail("generate: stop texts need a tokenizer");
    if (options.copies < 1 || options.max_new_tokens < 0)
      fail("generate: expected at least one output and no negative number of tokens, got ", options.copies, " and ",
           options.max_new_tokens);
    run_.sources = options.sources;
    if (options.cached) run_.caches = &caches_;
  }

  void add(const std::vector<int32_t>& prompt, int64_t index) {
    if (prompt.empty())
      fail("generate: prompt ", index, " has no tokens; begin it with the model's first token or any other");
    if (options_.context > 0 && std::ssize(prompt) > options_.context)
      fail("generate: prompt ", index, " has ", prompt.size(), " tokens, the model's context is ", options_.context);
    std::optional<StreamDecoder> decoder;
    if (tokenizer_) decoder.emplace(*tokenizer_);
    if (decoder && options_.continues)
      for (const int32_t id : prompt) static_cast<void>(decoder->push(id));
    for (int64_t copy = 0; copy < options_.copies; ++copy) {
      Sequence& sequence = sequences_.emplace_back();
      sequence.result.prompt = index;
      sequence.result.copy = copy;
      sequence.tokens = prompt;
      sequence.prompt = std::ssize(prompt);
      sequence.most = options_.max_new_tokens;
      if (options_.context > 0) sequence.most = std::min(sequence.most, options_.context - sequence.prompt);
      if (sequence.most == 0) sequence.result.reason = "length";
      sequence.random = Random(options_.seed).fork(static_cast<uint64_t>(copy));
      if (options_.constraint) sequence.constraint = options_.constraint();
      sequence.decoder = decoder;
      sequence.stops = StopStrings(options_.stop);
    }
  }

  std::vector<Generated> run(GenerateTimes& times) {
    const at::NoGradGuard no_grad;
    const Runner runner(stack_, run_);
    runner.check(options_.route, std::ssize(sequences_));
    for (const auto& sequence : sequences_) times.prompt_tokens += sequence.done() ? 0 : sequence.prompt;
    for (bool first = true; std::any_of(sequences_.begin(), sequences_.end(), is_open); first = false) {
      const auto begin = std::chrono::steady_clock::now();
      pass(runner);
      (first ? times.prompt_seconds : times.token_seconds) += seconds_since(begin);
      ++times.passes;
    }
    std::vector<Generated> results;
    for (auto& sequence : sequences_) {
      times.new_tokens += std::ssize(sequence.result.tokens);
      results.push_back(std::move(sequence.result));
    }
    return results;
  }

 private:
  static bool is_open(const Sequence& sequence) { return !sequence.done(); }

  // Runs what has not run and adds a token to each open sequence.
  void pass(const Runner& runner) {
    const Tensor logits = last_logits(runner);
    const int64_t vocab = logits.size(1);
    int64_t row = 0;
    for (auto& sequence : sequences_) {
      if (sequence.done()) continue;
      add_token(sequence, {logits.mutable_data_ptr<float>() + row * vocab, static_cast<size_t>(vocab)});
      ++row;
    }
  }

  // Of the last row of each open sequence: [open, vocab] float32. Sequences that are done keep their place in the caches
  // and give no rows.
  Tensor last_logits(const Runner& runner) {
    std::vector<int64_t> ids, lengths, seen, last;
    for (auto& sequence : sequences_) {
      const int64_t from = options_.cached ? sequence.seen : 0;
      const int64_t to = sequence.done() ? from : std::ssize(sequence.tokens);
      ids.insert(ids.end(), sequence.tokens.begin() + from, sequence.tokens.begin() + to);
      lengths.push_back(to - from);
      seen.push_back(from);
      sequence.seen = to;
      if (!sequence.done()) last.push_back(std::ssize(ids) - 1);
    }
    const bool any_seen = std::any_of(seen.begin(), seen.end(), [](int64_t count) { return count > 0; });
    const RowsPtr rows = any_seen ? continued_rows(lengths, seen) : ragged_rows(lengths);
    Stream x = runner.embed(token_stream(at::tensor(ids, at::kLong), rows));
    Runner::Progress progress;
    for (const auto& step : options_.route.steps) x = runner.step(step, x, progress);
    const Tensor picked = x.x().index_select(0, at::tensor(last, at::kLong));
    const Stream ends(x.main().name, picked, equal_rows(std::ssize(last), 1));
    return runner.head(ends).x().to(at::kCPU, at::kFloat).contiguous();
  }

  void add_token(Sequence& sequence, std::span<float> logits) {
    Generated& result = sequence.result;
    const std::vector<float> own(logits.begin(), logits.end());  // picking overwrites them
    const TokenHistory history{.tokens = sequence.tokens,
                               .prompt = sequence.prompt,
                               .last = std::ssize(result.tokens) + 1 == sequence.most,
                               .ends = options_.ends};
    const int32_t token = pick(options_.sampling, history, logits, sequence.random, sequence.constraint.get());
    if (options_.log_probabilities) result.log_probabilities.push_back(static_cast<float>(log_probability(own, token)));
    if (options_.top_log_probabilities > 0)
      result.top_log_probabilities.push_back(top_log_probabilities(own, options_.top_log_probabilities));
    sequence.tokens.push_back(token);
    result.tokens.push_back(token);
    if (sequence.constraint) sequence.constraint->accept(token);
    GeneratedPiece piece{result.prompt, result.copy, token, "", false};
    const bool end = std::find(options_.ends.begin(), options_.ends.end(), token) != options_.ends.end();
    // An end token is no part of the text, special or not.
    if (sequence.decoder && !end) piece.text = sequence.stops.push(sequence.decoder->push(token));
    if (end || (sequence.constraint && sequence.constraint->finished()))
      result.reason = "end";
    else if (std::ssize(result.tokens) == sequence.most)
      result.reason = "length";
    if (sequence.done() && sequence.decoder && !sequence.stops.stopped())
      piece.text += sequence.stops.push(sequence.decoder->finish()) + sequence.stops.finish();
    if (sequence.stops.stopped()) {
      result.reason = "stop";
      result.stop = sequence.stops.found();
    }
    piece.last = sequence.done();
    result.text += piece.text;
    if (options_.on_token && !options_.on_token(piece) && !sequence.done()) result.reason = "caller";
  }

  const Stack& stack_;
  const GenerateOptions& options_;
  const Tokenizer* tokenizer_;
  Caches caches_;
  RunOptions run_;
  std::vector<Sequence> sequences_;
};

}  // namespace

std::vector<Generated> generate(const Stack& stack, const std::vector<std::vector<int32_t>>& prompts,
                                const GenerateOptions& options, const Tokenizer* tokenizer, GenerateTimes* times) {
  Loop loop(stack, options, tokenizer);
  for (size_t i = 0; i < prompts.size(); ++i) loop.add(prompts[i], static_cast<int64_t>(i));
  GenerateTimes unused;
  return loop.run(times ? *times : unused);
}

}  // namespace strata
