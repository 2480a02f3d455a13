#include "strata/train/text_lesson.h"

#include <ATen/ATen.h>

#include <optional>

#include "strata/base/error.h"
#include "strata/base/threads.h"
#include "strata/data/prefetch.h"
#include "strata/train/objective.h"

namespace strata {
namespace {

class TextLesson final : public Lesson {
 public:
  TextLesson(const Recipe& recipe, const TextSet& train, const TextSet& test)
      : recipe_(recipe),
        train_(train),
        batches_(train, {recipe.data.text.packing, recipe.data.text.context, recipe.train.batch, recipe.train.seed}) {
    const int64_t context = recipe.data.text.context;
    if (test.size() > 0) exam_.emplace(test, context, context);
  }

  std::string checksum() const override { return checksum_of(train_); }

  void check() const override {
    const LanguageConfig& model = recipe_.model.language;
    if (train_.vocab() > model.vocab)
      fail("train: the model knows ", model.vocab, " tokens, but '", train_.name, "' is written in ", train_.vocab(),
           "; set model.vocab to ", train_.vocab());
    if (recipe_.data.text.context > model.context)
      fail("train: the model reads at most ", model.context, " tokens, but data.context asks for ",
           recipe_.data.text.context, "; set model.context");
  }

  void start(int64_t first_step) override {
    ahead_ = std::make_unique<Prefetch<TextBatch>>(
        [this](int64_t step) {
          const OneThread here;
          return batches_.at(step);
        },
        first_step, 1);
  }
  int64_t next() override {
    batch_ = ahead_->next();
    learned_ = at::sum(batch_.targets.ne(-100)).item<int64_t>();
    return batch_.sequences();
  }
  int64_t units() const override { return batch_.tokens.size(0); }
  const char* unit() const override { return "tokens"; }

  // A batch of parts of chats may have nothing to learn; then the loss is 0.
  Piece loss(const Stack& stack, const Draw& draw, int64_t first, int64_t count,
             const RunOptions& options) const override {
    const bool whole = count == batch_.sequences();
    const double scale = learned_ > 0 ? 1.0 / static_cast<double>(learned_) : 0.0;
    ObjectiveConfig objective = recipe_.objective;
    objective.predict_weight *= static_cast<double>(count) / static_cast<double>(batch_.sequences());
    return {losses(stack, draw, whole ? batch_ : slice(batch_, first, count), scale, objective, options).total, 1};
  }

  const Exam* exam() const override { return exam_ ? &*exam_ : nullptr; }
  void finish(Model& model) const override {
    for (const auto& [name, text] : train_.files) model.companions.insert_or_assign(name, text);
  }

 private:
  const Recipe& recipe_;
  const TextSet& train_;
  TextBatches batches_;
  std::optional<TextExam> exam_;
  TextBatch batch_;
  int64_t learned_ = 0;
  std::unique_ptr<Prefetch<TextBatch>> ahead_;  // last: its thread reads the batches
};

}  // namespace

std::unique_ptr<Lesson> text_lesson(const Recipe& recipe, const TextSet& train, const TextSet& test) {
  return std::make_unique<TextLesson>(recipe, train, test);
}

}  // namespace strata
