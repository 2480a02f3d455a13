#pragma once

#include "strata/data/images.h"

namespace strata {

/// Whether a folder looks like CIFAR-10 or CIFAR-100 (Krizhevsky 2009) in their "binary version".
bool is_cifar_folder(const std::string& folder);

/// Reads a split, "train" or "test": CIFAR-10 from data_batch_1.bin to data_batch_5.bin or test_batch.bin, class names
/// from batches.meta.txt; CIFAR-100 from train.bin or test.bin, names from fine_label_names.txt, or with `coarse` the
/// 20 superclasses and coarse_label_names.txt. Names of a file that is missing are LABEL_0, ... Sizes are checked before
/// anything is read; throws Error naming the file that is missing, of another size, or holds an unknown label.
ImageSet read_cifar_folder(const std::string& folder, const std::string& split, bool coarse);

}  // namespace strata
