// The gradient to a depthwise kernel on a grid, channels last: sum_{b, i} y[b, i] x[b, i + t - origin] of every tap t.
// The last vector of channels overlaps the one before, so there must be at least one vector of them.

// Rows that row (a, h) of an image meets: those of taps (first, second) that lie on the grid; work(row, first tap of it).
template <class R, class Work> INLINE void rows_read(const Depthwise<R>& p, int64_t image, int64_t a, int64_t h, Work work) {
    for (int64_t first = 0; first < p.taps[0]; ++first) {
        const int64_t i = a + first - p.origin[0];
        if (i < 0 || i >= p.size[0]) continue;
        for (int64_t second = 0; second < p.taps[1]; ++second) {
            const int64_t j = h + second - p.origin[1];
            if (j < 0 || j >= p.size[1]) continue;
            work(((image * p.size[0] + i) * p.size[1] + j) * p.size[2], (first * p.taps[1] + second) * p.taps[2]);
        }
    }
}

// Vectors that start anywhere.
template <class R> INLINE Vec<R> load_anywhere(const R* p) {
    Vec<R> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class R> INLINE void store_anywhere(R* p, Vec<R> v) { std::memcpy(p, &v, sizeof v); }

// Sums over a row of g times x for TAPS taps from `tap` on, added to `total`.
template <class R, int TAPS>
INLINE void correlate_row(const R* g, const R* x, int64_t channels, int64_t size, int64_t offset, R* total) {
    Vec<R> sum[TAPS];
    for (int t = 0; t < TAPS; ++t) sum[t] = load_anywhere(total + t * channels);
    const int64_t inner = std::min(std::max<int64_t>(0, -offset), size);
    const int64_t outer = std::max(inner, std::min(size, size - offset - TAPS + 1));
    const auto edge = [&](int64_t begin, int64_t end) __attribute__((always_inline)) {
        for (int64_t w = begin; w < end; ++w)
            for (int t = 0; t < TAPS; ++t)
                if (w + offset + t >= 0 && w + offset + t < size)
                    sum[t] += load_anywhere(g + w * channels) * load_anywhere(x + (w + offset + t) * channels);
    };
    edge(0, inner);
    for (int64_t w = inner; w < outer; ++w) {
        const Vec<R> value = load_anywhere(g + w * channels);
        for (int t = 0; t < TAPS; ++t) sum[t] += value * load_anywhere(x + (w + offset + t) * channels);
    }
    edge(outer, size);
    for (int t = 0; t < TAPS; ++t) store_anywhere(total + t * channels, sum[t]);
}

// Parts have sums of their own, added up in order: the same for any
// number of threads.
template <class R> void depthwise_kernel(const Depthwise<R>& p) {
    constexpr int N = Lanes<R>::N;
    constexpr int64_t PARTS = 16;
    const int64_t rows = p.batch * p.size[0] * p.size[1], channels = p.channels, size = p.size[2], taps = p.taps[2];
    const int64_t numbers = p.taps[0] * p.taps[1] * taps * channels, parts = std::min(PARTS, rows);
    Memory memory;
    R* totals = memory.zeros<R>(parts * numbers);
    Team team(p.threads);
    team.run(parts, [&](long part, int) {
        R* own = totals + part * numbers;
        for (int64_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row) {
            const int64_t h = row % p.size[1], a = row / p.size[1] % p.size[0], image = row / p.size[1] / p.size[0];
            for (int64_t c0 = 0; c0 < channels; c0 += N) {
                const int64_t c = c0 + N <= channels ? c0 : channels - N;
                rows_read(p, image, a, h, [&](int64_t from, int64_t tap) {
                    const R *g = p.y + row * size * channels + c, *x = p.x + from * channels + c;
                    for (int64_t t = 0; t < taps;) {
                        R* total = own + (tap + t) * channels + c;
                        const int64_t offset = t - p.origin[2];
                        if (c != c0) {  // lanes of the vector before are counted already: sums of the others only
                            alignas(64) R tail[N] = {};
                            correlate_row<R, 1>(g, x, channels, size, offset, tail);
                            for (int lane = (int)(c0 - c); lane < N; ++lane) total[lane] += tail[lane];
                            t += 1;
                        } else if (taps - t >= 7) {
                            correlate_row<R, 7>(g, x, channels, size, offset, total);
                            t += 7;
                        } else if (taps - t >= 3) {
                            correlate_row<R, 3>(g, x, channels, size, offset, total);
                            t += 3;
                        } else {
                            correlate_row<R, 1>(g, x, channels, size, offset, total);
                            t += 1;
                        }
                    }
                });
            }
        }
    });
    for (int64_t i = 0; i < numbers; ++i) {
        R sum = totals[i];
        for (int64_t part = 1; part < parts; ++part) sum += totals[part * numbers + i];
        p.gradient[i] = sum;
    }
}
