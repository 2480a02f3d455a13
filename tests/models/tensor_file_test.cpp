#include "strata/models/tensor_file.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "strata/base/error.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

TEST(TensorFile, RoundTripsEveryTypeBitForBit) {
  const TemporaryFolder folder;
  NamedTensors tensors;
  for (const auto type :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16, at::kFloat,
        at::kDouble, at::kUInt16, at::kUInt32, at::kUInt64, at::kComplexFloat, at::kFloat8_e4m3fn, at::kFloat8_e5m2}) {
    Tensor value = at::empty({3, 5}, type);
    auto* bytes = static_cast<uint8_t*>(value.mutable_data_ptr());
    for (size_t i = 0; i < value.nbytes(); ++i)
      bytes[i] = type == at::kBool ? i % 2 : static_cast<uint8_t>(37 * i + 11);
    tensors.emplace(c10::toString(type), value);
  }
  tensors.emplace("scalar", at::scalar_tensor(2.5));
  tensors.emplace("empty", at::empty({0, 7}));
  save_tensors(folder.file("all.safetensors"), tensors);
  const NamedTensors loaded = load_tensors(folder.file("all.safetensors"));
  ASSERT_EQ(loaded.size(), tensors.size());
  for (const auto& [name, value] : tensors) {
    const Tensor& other = loaded.at(name);
    EXPECT_EQ(other.scalar_type(), value.scalar_type()) << name;
    EXPECT_EQ(other.sizes(), value.sizes()) << name;
    EXPECT_TRUE(value.nbytes() == 0 || std::memcmp(other.const_data_ptr(), value.const_data_ptr(), value.nbytes()) == 0)
        << name;
  }
}

TEST(TensorFile, TransposedAndTrackedTensorsAreWrittenAsTheyRead) {
  const TemporaryFolder folder;
  const Tensor value = at::randn({3, 4}).requires_grad_(true);
  save_tensors(folder.file("a.safetensors"), {{"t", value.t()}});
  EXPECT_TRUE(at::equal(load_tensors(folder.file("a.safetensors")).at("t"), value.detach().t()));
}

TEST(TensorFile, NamesWhatItCannotHold) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { save_tensors(folder.file("a.safetensors"), {{"z", at::zeros({1}, at::kComplexDouble)}}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("'z'")));
  EXPECT_THROW(load_tensors(folder.file("none.safetensors")), Error);
}

}  // namespace
}  // namespace strata
