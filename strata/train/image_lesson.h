#pragma once

#include "strata/train/lesson.h"

namespace strata {

/// Classification of images. The recipe and the sets must outlive it.
std::unique_ptr<Lesson> image_lesson(const Recipe& recipe, const ImageSet& train, const ImageSet& test);

}  // namespace strata
