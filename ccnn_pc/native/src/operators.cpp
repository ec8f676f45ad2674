// The library's functions, called through ctypes: each returns 0, or 1 where memory was not to be had.
#include "common.h"

#define DECLARE(NAMESPACE)                                                              \
    namespace NAMESPACE {                                                               \
    template <class R> void forward(const Problem<R>&);                                 \
    template <class R> void backward(const Problem<R>&, const Gradients<R>&);           \
    template <class R> void farthest(const Farthest<R>&);                               \
    void nearest_points(const Neighbours&);                                             \
    template <class R> void depthwise_kernel(const Depthwise<R>&);                      \
    template <class R> void moments(const Moments<R>&);                                 \
    extern template void moments<float>(const Moments<float>&);                         \
    extern template void moments<double>(const Moments<double>&);                       \
    extern template void depthwise_kernel<float>(const Depthwise<float>&);              \
    extern template void depthwise_kernel<double>(const Depthwise<double>&);            \
    extern template void farthest<float>(const Farthest<float>&);                       \
    extern template void farthest<double>(const Farthest<double>&);                     \
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

#if defined(__x86_64__)
#define CALL(FUNCTION, ...)                                       \
    try {                                                         \
        if (chosen == 2) return avx512::FUNCTION(__VA_ARGS__), 0; \
        if (chosen == 1) return avx2::FUNCTION(__VA_ARGS__), 0;   \
        return baseline::FUNCTION(__VA_ARGS__), 0;                \
    } catch (const std::exception&) {                             \
        return 1;                                                 \
    }
#else
#define CALL(FUNCTION, ...)                        \
    try {                                          \
        return baseline::FUNCTION(__VA_ARGS__), 0; \
    } catch (const std::exception&) {              \
        return 1;                                  \
    }
#endif
}  // namespace

#pragma GCC visibility push(default)
extern "C" {
void ccnn_use_openmp(Parallel parallel) {
    openmp().parallel = parallel;
    openmp().process = (int)getpid();
}
int ccnn_structures() { return 3; }  // STRUCTURES of library.py
int ccnn_instruction_set() { return chosen; }
int ccnn_choose(int set) { return chosen = std::min(set, best()); }
int ccnn_forward_float(const Problem<float>* p) { CALL(forward, *p) }
int ccnn_forward_double(const Problem<double>* p) { CALL(forward, *p) }
int ccnn_backward_float(const Problem<float>* p, const Gradients<float>* g) { CALL(backward, *p, *g) }
int ccnn_backward_double(const Problem<double>* p, const Gradients<double>* g) { CALL(backward, *p, *g) }
int ccnn_farthest_float(const Farthest<float>* p) { CALL(farthest, *p) }
int ccnn_farthest_double(const Farthest<double>* p) { CALL(farthest, *p) }
int ccnn_depthwise_kernel_float(const Depthwise<float>* p) { CALL(depthwise_kernel, *p) }
int ccnn_depthwise_kernel_double(const Depthwise<double>* p) { CALL(depthwise_kernel, *p) }
int ccnn_moments_float(const Moments<float>* p) { CALL(moments, *p) }
int ccnn_moments_double(const Moments<double>* p) { CALL(moments, *p) }
int ccnn_neighbours_double(const Neighbours* p) { CALL(nearest_points, *p) }
}
#pragma GCC visibility pop
