// Gradients that libtorch computes in one go and that tch 0.22 has no function for. Tensors are passed as tch has them:
// pointers to at::Tensor. Each function returns whether it came to its end; otherwise it leaves a message.

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>

namespace {

template <typename Compute>
bool told(char *message, size_t length, Compute compute) {
    try {
        compute();
        return true;
    } catch (const std::exception &error) {
        std::snprintf(message, length, "%s", error.what());
        return false;
    }
}

at::Tensor *owned(at::Tensor tensor) { return tensor.defined() ? new at::Tensor(std::move(tensor)) : nullptr; }

}  // namespace

extern "C" bool bespoke_convolved(const at::Tensor *gradient, const at::Tensor *maps, const at::Tensor *weights,
                                  const int64_t *stride, const int64_t *padding, const int64_t *dilation, int64_t groups,
                                  const bool *asked, at::Tensor **results, char *message, size_t length) {
    return told(message, length, [&] {
        const std::array<int64_t, 2> none{0, 0};
        auto [by_maps, by_weights, by_bias] = at::convolution_backward(
            *gradient, *maps, *weights, at::OptionalIntArrayRef(), at::IntArrayRef(stride, 2), at::IntArrayRef(padding, 2),
            at::IntArrayRef(dilation, 2), false, none, groups, std::array<bool, 3>{asked[0], asked[1], false});
        results[0] = owned(std::move(by_maps));
        results[1] = owned(std::move(by_weights));
    });
}

extern "C" bool bespoke_normalised(const at::Tensor *gradient, const at::Tensor *values, const at::Tensor *scale,
                                   const at::Tensor *mean, const at::Tensor *inverse, double epsilon, at::Tensor **results,
                                   char *message, size_t length) {
    return told(message, length, [&] {
        auto [by_values, by_scale, by_shift] =
            at::native_batch_norm_backward(*gradient, *values, *scale, std::nullopt, std::nullopt, *mean, *inverse, true,
                                           epsilon, std::array<bool, 3>{true, true, true});
        results[0] = owned(std::move(by_values));
        results[1] = owned(std::move(by_scale));
        results[2] = owned(std::move(by_shift));
    });
}
