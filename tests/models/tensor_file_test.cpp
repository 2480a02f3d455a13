#include "strata/models/tensor_file.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <chrono>
#include <cstring>
#include <fstream>

#include "strata/base/error.h"
#include "strata/base/process.h"
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

TEST(MappedTensors, AreThoseOfTheFile) {
  const TemporaryFolder folder;
  const NamedTensors tensors = {{"a", at::randn({5, 3})},
                                {"b", at::randn({7}, at::kDouble)},
                                {"c", at::randn({3, 3}).to(at::kBFloat16)},
                                {"d", at::randn({3}).to(at::kHalf)},
                                {"e", at::empty({0, 4})},
                                {"f", at::scalar_tensor(3)}};
  save_tensors(folder.file("a.safetensors"), tensors);
  const NamedTensors mapped = map_tensors(folder.file("a.safetensors"));
  ASSERT_EQ(mapped.size(), tensors.size());
  for (const auto& [name, value] : tensors) EXPECT_TRUE(at::equal(mapped.at(name), value)) << name;
}

TEST(MappedTensors, WritingDoesNotTouchTheFile) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  save_tensors(path, {{"a", at::ones({1000})}});
  const std::string before = read_text(path, 1 << 20);
  NamedTensors mapped = map_tensors(path);
  mapped.at("a").mul_(3);
  EXPECT_EQ(mapped.at("a").sum().item<float>(), 3000);
  EXPECT_TRUE(read_text(path, 1 << 20) == before);
  EXPECT_EQ(map_tensors(path).at("a").sum().item<float>(), 1000);
}

TEST(MappedTensors, LiveAsLongAsTheLastOfThem) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  save_tensors(path, {{"a", at::arange(4.0F)}, {"b", at::arange(9.0F)}});
  Tensor view;
  {
    const auto checkpoint = open_mapped_checkpoint(path);
    view = map_tensor(*checkpoint->find("b"), checkpoint).slice(0, 3, 6);
  }
  save_tensors(path, {{"b", at::zeros({9})}});  // a new file under the old name
  EXPECT_TRUE(at::equal(view, at::arange(3.0F, 6.0F)));
}

TEST(MappedTensors, MisalignedOnesAreCopied) {
  const auto bytes = std::make_shared<std::array<std::byte, 16>>();
  const float value = 2.5F;
  std::memcpy(bytes->data() + 1, &value, sizeof value);
  const TensorView view{"a", DType::F32, {1}, std::span(*bytes).subspan(1, 4)};
  EXPECT_EQ(map_tensor(view, bytes).item<float>(), 2.5F);
  EXPECT_EQ(bytes.use_count(), 1);
  const TensorView wrong{"a", DType::F32, {2}, std::span(*bytes).first(4)};
  EXPECT_THROW(map_tensor(wrong, bytes), Error);
}

TEST(MappedTensors, TwoGigabytesOpenAtOnce) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.safetensors");
  constexpr int64_t count = 256, each = int64_t{8} << 20;
  std::string header = "{";
  for (int64_t i = 0; i < count; ++i)
    header += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) +
              "\":{\"dtype\":\"F32\",\"shape\":[1024,2048],\"data_offsets\":[" + std::to_string(i * each) + "," +
              std::to_string((i + 1) * each) + "]}";
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << header;
  file.close();
  std::filesystem::resize_file(path, 8 + length + count * each);

  const int64_t memory_before = peak_memory();
  const auto start = std::chrono::steady_clock::now();
  NamedTensors tensors = map_tensors(path);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_LT(seconds, 1.0);
  EXPECT_LT(peak_memory() - memory_before, int64_t{64} << 20);
  EXPECT_EQ(tensors.size(), count);
  tensors.at("t255").select(0, 1023).fill_(1);
  EXPECT_EQ(tensors.at("t255").select(0, 1023).sum().item<float>(), 2048);
  RecordProperty("milliseconds", std::to_string(seconds * 1e3));
}

TEST(TensorFile, NamesWhatItCannotHold) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { save_tensors(folder.file("a.safetensors"), {{"z", at::zeros({1}, at::kComplexDouble)}}); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("'z'")));
  EXPECT_THROW(load_tensors(folder.file("none.safetensors")), Error);
}

}  // namespace
}  // namespace strata
