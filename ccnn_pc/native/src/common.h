// What all instruction sets share: the description of a problem, memory, threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <thread>
#include <vector>

constexpr int MAX_DIM = 3;

enum class Family : int { ROWS, GABOR, FOURIER, SIREN, RANDOM_FOURIER, TENTS };

// A kernel's features. ROWS: windowed features [rows][hidden + 1] are given, and `row` of each edge.
template <class R> struct Description {
    Family family;
    int hidden, layers;
    const R* parameters[5];
};

template <class R> struct Problem {
    int64_t samples, queries, channels_in, channels_out, row_count;
    int32_t dim, hidden, full, causal, threads, wide_index;
    double tolerance;
    Description<R> kernel;
    const R *mean, *precision;  // of the Gaussian window exp(-sum_d precision_d (u_d - mean_d)^2); null: 1
    const double *pos, *query;  // in units of the kernel's reach
    const void* index;  // sample of each edge, int32 or int64 (wide_index); null: the edge's own number
    const int64_t *row, *start, *length;
    const R *x, *table;
    R *y, *moments;
    int64_t sample_of(int64_t edge) const {
        if (index == nullptr) return edge;
        return wide_index ? static_cast<const int64_t*>(index)[edge] : static_cast<const int32_t*>(index)[edge];
    }
    int64_t row_of(int64_t edge) const { return row == nullptr ? edge : row[edge]; }
};

// What comes back: gradients, each null where nobody wants it; y and moments are what comes in.
template <class R> struct Gradients {
    int64_t parameter_count;
    const R *y, *moments;  // moments: G + G^T
    R *x, *table, *parameters, *window;
    double *pos, *query;
};

// Memory that starts at a whole cache line.
class Memory {
    void* block = nullptr;
    size_t bytes = 0;

  public:
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory(Memory&& other) noexcept { std::swap(block, other.block), std::swap(bytes, other.bytes); }
    ~Memory() { std::free(block); }
    template <class R> void resize(size_t count) {  // what was there is lost
        const size_t wanted = (count * sizeof(R) + 127) / 64 * 64;
        if (wanted <= bytes) return;
        std::free(block);
        bytes = 0;
        block = std::aligned_alloc(64, wanted);
        if (block == nullptr) throw std::bad_alloc();
        bytes = wanted;
    }
    template <class R> R* at(size_t start) const { return static_cast<R*>(block) + start; }
};

inline int round_up(long value, int step) { return (int)((value + step - 1) / step * step); }

template <class R> struct Same { typedef R type; };

// work(index, thread) for all indices below count. Threads live as long as the call, so that a fork finds none.
template <class Work> void in_parallel(long count, int threads, Work work) {
    threads = (int)std::min<long>(threads, count);
    if (threads <= 1) {
        for (long i = 0; i < count; ++i) work(i, 0);
        return;
    }
    std::atomic<long> next{0};
    std::atomic<bool> failed{false};
    auto run = [&](int thread) {
        try {
            for (long i; (i = next.fetch_add(1)) < count;) work(i, thread);
        } catch (...) {
            failed = true;
            next = count;
        }
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(run, t);
    run(0);
    for (auto& other : others) other.join();
    if (failed) throw std::bad_alloc();
}
