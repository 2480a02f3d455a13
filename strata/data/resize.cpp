#include "strata/data/resize.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "strata/base/error.h"

namespace strata {
namespace {

void check_image(const Tensor& image) {
  if (image.dim() != 3 || image.scalar_type() != at::kByte || image.numel() == 0)
    fail("resize: expected an image as uint8 [channels, height, width], got ", c10::toString(image.scalar_type()), " ",
         image.sizes());
}

// Which of `size` pixels lies under the centre of each of `wanted`. Steps are added up as Pillow does, whose choice
// between two that are equally near depends on it.
Tensor nearest(int64_t size, int64_t wanted) {
  Tensor index = at::empty({wanted}, at::kLong);
  const double step = static_cast<double>(size) / static_cast<double>(wanted);
  double at = step / 2;
  for (int64_t i = 0; i < wanted; ++i, at += step)
    index.mutable_data_ptr<int64_t>()[i] = std::min(static_cast<int64_t>(at), size - 1);
  return index;
}

// The middle height x width of an image, with black around where the image is smaller.
Tensor centre(const Tensor& image, int64_t height, int64_t width) {
  Tensor out = image;
  const int64_t missing_rows = std::max<int64_t>(0, height - out.size(1)),
                missing_columns = std::max<int64_t>(0, width - out.size(2));
  if (missing_rows + missing_columns > 0) {
    const int64_t top = (missing_rows + 1) / 2, left = (missing_columns + 1) / 2;
    out = at::constant_pad_nd(out, {left, missing_columns - left, top, missing_rows - top});
  }
  return out.narrow(1, (out.size(1) - height) / 2, height).narrow(2, (out.size(2) - width) / 2, width).contiguous();
}

}  // namespace

Tensor resize(const Tensor& image, int64_t new_height, int64_t new_width, ImageFilter filter) {
  check_image(image);
  if (new_height < 1 || new_width < 1)
    fail("resize: expected at least one pixel, asked for ", new_height, " x ", new_width);
  if (image.size(1) == new_height && image.size(2) == new_width) return image;
  const at::NoGradGuard no_grad;
  if (filter == ImageFilter::nearest)
    return image.index_select(1, nearest(image.size(1), new_height)).index_select(2, nearest(image.size(2), new_width));
  // ATen's fast routine for bytes needs three channels, and takes small images for another layout unless it is this one.
  const bool bytes = image.size(0) == 3;
  const Tensor in = bytes ? image.unsqueeze(0).contiguous(at::MemoryFormat::ChannelsLast)
                          : image.unsqueeze(0).to(at::kFloat).contiguous();
  const int64_t size[] = {new_height, new_width};
  const Tensor out = filter == ImageFilter::bilinear ? at::_upsample_bilinear2d_aa(in, size, /*align_corners=*/false)
                                                     : at::_upsample_bicubic2d_aa(in, size, /*align_corners=*/false);
  return (bytes ? out : out.round().clamp(0, 255).to(at::kByte)).squeeze(0).contiguous();
}

Tensor fitted(const Tensor& image, const ImageFit& fit) {
  check_image(image);
  Tensor out = image;
  if (fit.shortest_edge > 0) {
    const int64_t height = out.size(1), width = out.size(2), shorter = std::min(height, width);
    // The longer side is rounded down, as transformers and torchvision do it.
    constexpr int64_t kMostSide = int64_t{1} << 16;
    const auto side = [&](int64_t of) { return std::min(fit.shortest_edge * of / shorter, kMostSide); };
    out = resize(out, side(height), side(width), fit.filter);
  } else if (fit.height > 0) {
    out = resize(out, fit.height, fit.width, fit.filter);
  }
  return fit.crop_height > 0 ? centre(out, fit.crop_height, fit.crop_width) : out;
}

Tensor with_channels(const Tensor& image, int64_t channels) {
  check_image(image);
  if (image.size(0) == channels) return image;
  if (image.size(0) == 1 && channels == 3) return image.expand({3, -1, -1}).contiguous();
  if (image.size(0) != 3 || channels != 1)
    fail("images: cannot turn ", image.size(0), " channels into ", channels,
         "; expected 1 (grey) or 3 (red, green, blue)");
  const Tensor in = image.contiguous();
  const int64_t pixels = in.size(1) * in.size(2);
  Tensor out = at::empty({1, in.size(1), in.size(2)}, at::kByte);
  const uint8_t* from = in.const_data_ptr<uint8_t>();
  uint8_t* to = out.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < pixels; ++i) to[i] = luma(from[i], from[i + pixels], from[i + 2 * pixels]);
  return out;
}

}  // namespace strata
