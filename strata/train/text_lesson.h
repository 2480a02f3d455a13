#pragma once

#include "strata/train/lesson.h"

namespace strata {

/// Prediction of the next token. The recipe and the sets must outlive it.
std::unique_ptr<Lesson> text_lesson(const Recipe& recipe, const TextSet& train, const TextSet& test);

}  // namespace strata
