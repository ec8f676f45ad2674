// Searches among points: the farthest one by one, and the nearest of queries. Every coordinate is compared with all of
// a cloud, in vectors.

// A product as it is rounded: the compiler must not fuse it with a sum, for equal distances must stay equal.
template <class R> INLINE Vec<R> rounded(Vec<R> v) {
#if defined(__x86_64__)
    asm("" : "+x"(v));
#elif defined(__aarch64__)
    asm("" : "+w"(v));
#else
    asm("" : "+m"(v));
#endif
    return v;
}

template <class R> INLINE Vec<R> squared_distance(const R* column, int64_t stride, int dim, const Vec<R>* from) {
    Vec<R> total{};
    for (int d = 0; d < dim; ++d) {
        const Vec<R> offset = load(column + d * stride) - from[d];
        const Vec<R> square = rounded<R>(offset * offset);
        total = d == 0 ? square : rounded<R>(total + square);
    }
    return total;
}

// Rows [count][dim] as columns, each of `stride` numbers, which is whole vectors.
template <class R> static void transpose(const R* rows, int64_t count, int dim, int64_t stride, R* columns) {
    for (int d = 0; d < dim; ++d) {
        for (int64_t i = 0; i < count; ++i) columns[d * stride + i] = rows[i * dim + d];
        std::fill(columns + d * stride + count, columns + (d + 1) * stride, (R)0);
    }
}

template <class R> void farthest(const Farthest<R>& problem) {
    constexpr int N = Lanes<R>::N;
    const int dim = problem.dim;
    const int64_t stride = (problem.points + N - 1) / N * N;
    Memory memory, distances, point;
    R* columns = memory.resize<R>(stride * dim);
    R* nearest = distances.resize<R>(stride);
    Vec<R>* from = reinterpret_cast<Vec<R>*>(point.resize<R>(N * dim));
    transpose(problem.pos, problem.points, dim, stride, columns);
    std::fill(nearest, nearest + problem.points, std::numeric_limits<R>::infinity());
    std::fill(nearest + problem.points, nearest + stride, (R)-2);
    Int<R> lane;
    for (int i = 0; i < N; ++i) lane[i] = i;
    int64_t start = problem.start;
    for (int64_t step = 0; step < problem.wanted; ++step) {
        problem.chosen[step] = start;
        nearest[start] = -1;  // never again, not even among duplicates
        for (int d = 0; d < dim; ++d) from[d] = all<R>(columns[d * stride + start]);
        Vec<R> most = all<R>(-2);
        Int<R> where{}, number = lane;
        for (int64_t i = 0; i < stride; i += N, number += N) {
            const Vec<R> now = smaller<R>(squared_distance<R>(columns + i, stride, dim, from), load(nearest + i));
            store(nearest + i, now);
            where = now > most ? number : where;
            most = larger<R>(now, most);
        }
        R best = most[0];
        start = where[0];
        for (int i = 1; i < N; ++i)
            if (most[i] > best || (most[i] == best && where[i] < start)) best = most[i], start = where[i];
    }
}

// Pairs of distance and number, sorted: buckets of equal width first, which hold few each where points lie on a surface.
struct Candidate {
    double d2;
    int64_t index;
    bool operator<(const Candidate& other) const {
        return d2 < other.d2 || (d2 == other.d2 && index < other.index);
    }
};
static void sort_candidates(Candidate* found, int64_t count, double most, Candidate* sorted, int32_t* first) {
    const int64_t buckets = count;
    const double scale = most > 0 ? (buckets - 1) / most : 0;
    if (count < 32 || !(scale > 0 && scale <= 1e300)) {
        std::sort(found, found + count);
        std::copy(found, found + count, sorted);
        return;
    }
    const auto bucket = [&](const Candidate& c) { return (int64_t)(c.d2 * scale); };
    std::fill(first, first + buckets + 1, 0);
    for (int64_t i = 0; i < count; ++i) ++first[bucket(found[i]) + 1];
    for (int64_t b = 0; b < buckets; ++b) first[b + 1] += first[b];
    for (int64_t i = 0; i < count; ++i) sorted[first[bucket(found[i])]++] = found[i];
    int64_t begin = 0;
    for (int64_t b = 0; b < buckets; ++b) {  // first[b] is now where bucket b ends
        if (first[b] - begin > 1) std::sort(sorted + begin, sorted + first[b]);
        begin = first[b];
    }
}

static void nearest(const Nearest& problem, const double* columns, int64_t stride, int64_t begin, int64_t end) {
    constexpr int N = Lanes<double>::N;
    const int dim = problem.dim;
    const int64_t n = problem.points, count = problem.count;
    Memory a, b, c, d, e;
    double* d2 = a.resize<double>(stride);
    Candidate* found = b.resize<Candidate>(n + 1);
    Candidate* sorted = c.resize<Candidate>(n);
    int32_t* first = d.resize<int32_t>(n + 1);
    Vec<double>* from = reinterpret_cast<Vec<double>*>(e.resize<double>(N * dim));
    double guess = std::numeric_limits<double>::infinity();  // beyond it nobody is expected: the last query's reach
    for (int64_t q = begin; q < end; ++q) {
        for (int axis = 0; axis < dim; ++axis) from[axis] = all<double>(problem.queries[q * dim + axis]);
        for (int64_t i = 0; i < stride; i += N) store(d2 + i, squared_distance<double>(columns + i, stride, dim, from));
        int64_t kept = 0;
        for (int64_t i = 0; i < n; i += N) {
            const Int<double> close = load(d2 + i) <= all<double>(guess);
            int64_t any = 0;
            for (int lane = 0; lane < N; ++lane) any |= close[lane];
            if (any == 0) continue;
            for (int64_t j = i; j < std::min(i + N, n); ++j) {
                found[kept] = {d2[j], j};
                kept += d2[j] <= guess;
            }
        }
        if (kept < count) {
            for (kept = 0; kept < n; ++kept) found[kept] = {d2[kept], kept};
            guess = std::numeric_limits<double>::infinity();
        }
        if (kept > 2 * count) {
            std::nth_element(found, found + count - 1, found + kept);
            kept = count;
        }
        double most = 0;
        for (int64_t i = 0; i < kept; ++i) most = std::max(most, found[i].d2);
        sort_candidates(found, kept, most, sorted, first);
        for (int64_t i = 0; i < count; ++i) {
            problem.d2[q * count + i] = sorted[i].d2;
            problem.index[q * count + i] = sorted[i].index;
        }
        guess = 1.25 * sorted[count - 1].d2;
    }
}

static void nearest(const Nearest& problem) {
    constexpr int64_t PART = 64;  // queries
    constexpr int N = Lanes<double>::N;
    const int64_t stride = (problem.points + N - 1) / N * N, parts = (problem.query_count + PART - 1) / PART;
    Memory memory;
    double* columns = memory.resize<double>(stride * problem.dim);
    transpose(problem.pos, problem.points, problem.dim, stride, columns);
    Team team(problem.threads);
    team.run(parts, [&](long part, int) {
        nearest(problem, columns, stride, part * PART, std::min(problem.query_count, (part + 1) * PART));
    });
}
