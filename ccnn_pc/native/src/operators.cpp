// The library's functions, called through ctypes: each returns 0, or 1 where memory was not to be had.
#include "common.h"

#define DECLARE(NAMESPACE)                                                              \
    namespace NAMESPACE {                                                               \
    template <class R> void forward(const Problem<R>&);                                 \
    template <class R> void backward(const Problem<R>&, const Gradients<R>&);           \
    extern template void forward<float>(const Problem<float>&);                         \
    extern template void forward<double>(const Problem<double>&);                       \
    extern template void backward<float>(const Problem<float>&, const Gradients<float>&);   \
    extern template void backward<double>(const Problem<double>&, const Gradients<double>&); \
    }
DECLARE(baseline)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

namespace {
// 0: baseline, 1: AVX2, 2: AVX-512; the best that the processor has unless another is asked for
int best() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return 0;
}
int chosen = best();

template <class R> int run_forward(const Problem<R>* p) {
    try {
#if defined(__x86_64__)
        if (chosen == 2) return avx512::forward(*p), 0;
        if (chosen == 1) return avx2::forward(*p), 0;
#endif
        return baseline::forward(*p), 0;
    } catch (const std::exception&) {
        return 1;
    }
}
template <class R> int run_backward(const Problem<R>* p, const Gradients<R>* g) {
    try {
#if defined(__x86_64__)
        if (chosen == 2) return avx512::backward(*p, *g), 0;
        if (chosen == 1) return avx2::backward(*p, *g), 0;
#endif
        return baseline::backward(*p, *g), 0;
    } catch (const std::exception&) {
        return 1;
    }
}
}  // namespace

#pragma GCC visibility push(default)
extern "C" {
int ccnn_instruction_set() { return chosen; }
int ccnn_choose(int set) { return chosen = std::min(set, best()); }
int ccnn_forward_float(const Problem<float>* p) { return run_forward(p); }
int ccnn_forward_double(const Problem<double>* p) { return run_forward(p); }
int ccnn_backward_float(const Problem<float>* p, const Gradients<float>* g) { return run_backward(p, g); }
int ccnn_backward_double(const Problem<double>* p, const Gradients<double>* g) { return run_backward(p, g); }
}
#pragma GCC visibility pop
