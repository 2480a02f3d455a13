#include "strata/train/image_lesson.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/base/threads.h"
#include "strata/data/classes.h"
#include "strata/data/loader.h"
#include "strata/train/objective.h"

namespace strata {
namespace {

constexpr int64_t kExamBatch = 500;

// A set whose labels are the numbers of the classes that a kept head tells apart.
ImageSet labelled(const Recipe& recipe, const ImageSet& set, std::string& warning) {
  const ModelConfig& model = recipe.model;
  if (model.start.empty() || model.fresh_head || std::ssize(set.classes) != model.vit.classes) return set;
  const Model start = open_model_header(model.start);
  if (start.vit.classes != model.vit.classes) return set;
  std::string found;
  try {
    ImageSet result = labelled_for(start.classes, set, found);
    if (!found.empty()) warning = "train: " + found + "; model.fresh_head = true begins with a new head";
    return result;
  } catch (const Error& error) {
    fail("train: ", error.what(), "; or set model.fresh_head = true for a new head");
  }
}

class ImageLesson final : public Lesson {
 public:
  ImageLesson(const Recipe& recipe, const ImageSet& train, const ImageSet& test)
      : recipe_(recipe),
        train_(labelled(recipe, train, warning_)),
        test_(labelled(recipe, test, warning_)),
        exam_(test_, recipe.data.images, kExamBatch) {}

  std::string checksum() const override {
    const auto bytes = [](const Tensor& value) {
      const Tensor whole = value.contiguous();
      return strata::checksum(std::span(static_cast<const std::byte*>(whole.const_data_ptr()), whole.nbytes()));
    };
    return strata::checksum((train_.source ? train_.source->identity() : bytes(train_.pixels)) + bytes(train_.labels));
  }

  void check() const override;

  void start(int64_t first_step) override {
    // Decoding files takes longer than a step of a small model, moving pixels in memory does not.
    loader_.emplace(train_, recipe_.data.images, recipe_.train.batch, recipe_.train.seed, first_step,
                    train_.source ? threads() : 1);
  }
  int64_t next() override {
    batch_ = loader_.value().next();
    return units();
  }
  int64_t units() const override { return recipe_.train.batch; }
  const char* unit() const override { return "images"; }

  Piece loss(const Stack& stack, const Draw& draw, int64_t first, int64_t count,
             const RunOptions& options) const override {
    const Targets targets = Targets(batch_.labels, batch_.others, batch_.share).narrow(first, count);
    return {losses(stack, draw, batch_.pixels.narrow(0, first, count), targets, recipe_.objective, options).total,
            static_cast<double>(count) / static_cast<double>(units())};
  }

  std::string warning() const override { return warning_; }
  const Exam* exam() const override { return exam_.samples() > 0 ? &exam_ : nullptr; }

  void finish(Model& model) const override {
    // Outputs without a class in the data keep their numbers.
    if (train_.classes.size() <= model.classes.size())
      std::copy(train_.classes.begin(), train_.classes.end(), model.classes.begin());
    model.pixel_mean = recipe_.data.images.mean;
    model.pixel_std = recipe_.data.images.std;
    model.fit = fit_of(recipe_);
  }

 private:
  const Recipe& recipe_;
  std::string warning_;
  ImageSet train_, test_;
  ImageExam exam_;
  std::optional<ImageLoader> loader_;
  ImageBatch batch_;
};

void ImageLesson::check() const {
  const ImageSet& set = train_;
  const VitConfig& vit = recipe_.model.vit;
  if (set.size() == 0) fail("train: the training set '", set.name, "' is empty");
  if (const auto [channels, height, width] = shape_of(set);
      channels != vit.image_channels || height != vit.image_height || width != vit.image_width)
    fail("train: the model takes images of ", vit.image_channels, " x ", vit.image_height, " x ", vit.image_width,
         " (channels, height, width), but '", set.name, "' holds ", channels, " x ", height, " x ", width,
         "; set model.image_channels, model.image_height and model.image_width");
  if (const int64_t most = set.labels.max().item<int64_t>(); most >= vit.classes)
    fail("train: the model tells ", vit.classes, " classes apart, but '", set.name, "' has labels up to ", most,
         "; set model.classes to ", most + 1);
  if (const auto classes = std::ssize(set.classes);
      !recipe_.model.start.empty() && classes > 0 && classes != vit.classes)
    fail("train: the head of '", recipe_.model.start, "' tells ", vit.classes, " classes apart, but '", set.name,
         "' has ", classes, "; set model.classes to ", classes, " for a new head");
}

}  // namespace

std::unique_ptr<Lesson> image_lesson(const Recipe& recipe, const ImageSet& train, const ImageSet& test) {
  return std::make_unique<ImageLesson>(recipe, train, test);
}

}  // namespace strata
