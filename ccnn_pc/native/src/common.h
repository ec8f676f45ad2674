// What all instruction sets share: the description of a problem, memory, threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>
#include <unistd.h>

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

// Clouds of points [.][dim], one after the other: cloud c has points first[c] to first[c + 1]. Of each, `wanted` are chosen,
// each the farthest from those before, the first of them being start[c]; they are numbered in their cloud.
template <class R> struct Farthest {
    int64_t clouds, wanted, dim, threads;
    const int64_t *first, *start;
    const R* pos;
    int64_t* chosen;
};

// The `count` nearest points of each query in its own cloud c, points first[c] to first[c + 1], queries query_first[c] to
// query_first[c + 1]; ties decided as ops/neighbors/ties.py says; `margin` more are looked at first. Where queries are the
// points, each is its own first neighbour. Squared distances differ by less than min(slope sqrt(d2), cap h^2) + relative d2,
// or are equal, h^2 being the least one above `beyond`; coordinates of offsets by less than
// min(offset_slope, offset_cap h) + relative h. Rows [.][count] of clouds with fewer points end with their last neighbour.
struct Neighbours {
    int64_t clouds, count, margin, dim, same, threads;
    double cap, relative, offset_cap;
    const double *slope, *beyond, *offset_slope;  // of each cloud
    const int64_t *first, *query_first;
    const double *pos, *queries;
    int32_t* index;
};

// Samples and gradients of results [batch][size][channels] on a grid of three axes; the gradient [taps][channels] of a
// kernel with offset 0 at tap `origin`.
template <class R> struct Depthwise {
    int64_t batch, channels, threads, size[3], taps[3], origin[3];
    const R *x, *y;
    R* gradient;
};

// Channels of items, whose rows follow one another: item b has rows first[b] to first[b + 1] of x, those of them that were
// observed; null: all. What is found is [14][channels][items], in the order of Row in ops/moments.py; `ends` are the least
// and the most of the items and the share of them above 0, [3][14][channels], and `faintest` is the item that has least in
// all channels together.
template <class R> struct Moments {
    int64_t channels, items, row_stride, channel_stride, observed_row_stride, observed_channel_stride;
    const int64_t* first;
    const R* x;
    const uint8_t* observed;
    double *found, *ends;
    int64_t* faintest;
};

// Blocks of memory that were given back, kept for the next call: fresh pages cost more than small problems.
class Pool {
    static constexpr size_t MOST = 64 << 20;
    std::mutex guard;
    std::vector<std::pair<void*, size_t>> blocks;
    size_t held = 0;

  public:
    std::pair<void*, size_t> take(size_t bytes) {
        std::unique_lock<std::mutex> lock(guard, std::try_to_lock);  // in a forked process nobody may ever unlock it
        if (lock.owns_lock())
            for (auto& block : blocks)
                if (block.second >= bytes && block.second <= 2 * bytes) {
                    const auto found = block;
                    held -= found.second;
                    block = blocks.back();
                    blocks.pop_back();
                    return found;
                }
        return {std::aligned_alloc(64, bytes), bytes};
    }
    void give(void* block, size_t bytes) {
        std::unique_lock<std::mutex> lock(guard, std::try_to_lock);
        if (lock.owns_lock() && held + bytes <= MOST && blocks.size() < 256) {
            blocks.emplace_back(block, bytes);
            held += bytes;
        } else
            std::free(block);
    }
};
inline Pool& pool() {
    static Pool* one = new Pool;  // never destroyed: threads may outlive static objects
    return *one;
}

// Memory that starts at a whole cache line.
class Memory {
    void* block = nullptr;
    size_t bytes = 0;
    void drop() {
        if (block != nullptr) pool().give(block, bytes);
        block = nullptr;
        bytes = 0;
    }

  public:
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory(Memory&& other) noexcept { std::swap(block, other.block), std::swap(bytes, other.bytes); }
    ~Memory() { drop(); }
    template <class R> R* resize(size_t count) {  // what was there is lost
        const size_t wanted = (count * sizeof(R) + 127) / 64 * 64;
        if (wanted > bytes) {
            drop();
            std::tie(block, bytes) = pool().take(wanted);
            if (block == nullptr) {
                bytes = 0;
                throw std::bad_alloc();
            }
        }
        return static_cast<R*>(block);
    }
    template <class R> R* zeros(size_t count) {
        R* start = resize<R>(count);
        std::fill(start, start + count, (R)0);
        return start;
    }
    template <class R> R* at(size_t start) const { return static_cast<R*>(block) + start; }
};

inline int round_up(long value, int step) { return (int)((value + step - 1) / step * step); }

template <class R> struct Same { typedef R type; };

// OpenMP's parallel region as torch's own runtime has it: its threads wait for work by spinning, and threads beside them
// would share their cores. Not after a fork, which leaves the child a runtime without threads.
using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);
struct OpenMP {
    Parallel parallel = nullptr;
    int process = 0;
    bool runs() const { return parallel != nullptr && process == (int)getpid(); }
};
inline OpenMP& openmp() {
    static OpenMP one;
    return one;
}

// Threads that work off loops together: OpenMP's where they are known, else threads that end with the call.
class Team {
    std::vector<std::thread> others;
    std::mutex guard;
    std::condition_variable begin, end;
    std::function<void(int)> job;
    long round = 0, busy = 0;
    bool over = false;

    void wait_for_work(int thread) {
        for (long seen = 0;;) {
            std::unique_lock<std::mutex> lock(guard);
            begin.wait(lock, [&] { return over || round != seen; });
            if (over) return;
            seen = round;
            lock.unlock();
            job(thread);
            lock.lock();
            if (--busy == 0) end.notify_one();
        }
    }

  public:
    const int threads;
    explicit Team(int threads) : threads(std::max(threads, 1)) {}
    ~Team() {
        {
            std::lock_guard<std::mutex> lock(guard);
            over = true;
        }
        begin.notify_all();
        for (auto& other : others) other.join();
    }
    // work(index, thread) for all indices below count
    template <class Work> void run(long count, Work work) {
        if (std::min<long>(threads, count) <= 1) {
            for (long i = 0; i < count; ++i) work(i, 0);
            return;
        }
        std::atomic<long> next{0};
        std::atomic<int> numbers{0};
        std::atomic<bool> failed{false};
        auto loop = [&](int thread) {
            try {
                for (long i; (i = next.fetch_add(1)) < count;) work(i, thread);
            } catch (...) {
                failed = true;
                next = count;
            }
        };
        if (openmp().runs()) {
            auto numbered = [&] { loop(numbers.fetch_add(1)); };
            openmp().parallel([](void* f) { (*static_cast<decltype(numbered)*>(f))(); }, &numbered, threads, 0);
            if (failed) throw std::bad_alloc();
            return;
        }
        for (int t = (int)others.size() + 1; t < threads; ++t) others.emplace_back(&Team::wait_for_work, this, t);
        {
            std::lock_guard<std::mutex> lock(guard);
            job = loop;
            busy = (long)others.size();
            ++round;
        }
        begin.notify_all();
        job(0);
        std::unique_lock<std::mutex> lock(guard);
        end.wait(lock, [&] { return busy == 0; });
        if (failed) throw std::bad_alloc();
    }
};
