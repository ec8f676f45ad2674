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

// Members of a run of equal distances, sorted by offset axis by axis, equal ones by number.
static void sort_run(const Neighbours& p, const double* query, double tolerance, int axis, int64_t* first, int64_t* last) {
    if (last - first < 2) return;
    if (axis == p.dim) {
        std::sort(first, last);
        return;
    }
    const auto offset = [&](int64_t j) { return p.pos[j * p.dim + axis] - query[axis]; };
    std::sort(first, last, [&](int64_t a, int64_t b) { return offset(a) < offset(b) || (offset(a) == offset(b) && a < b); });
    for (int64_t* begin = first; begin < last;) {
        int64_t* end = begin + 1;
        while (end < last && offset(*end) - offset(end[-1]) <= tolerance) ++end;
        sort_run(p, query, tolerance, axis + 1, begin, end);
        begin = end;
    }
}

// Decides the ties among `seen` sorted candidates; false where the tie at the cut reaches the last of them.
static bool decide_ties(const Neighbours& p, const double* query, const Candidate* sorted, int64_t seen, int64_t wanted,
                        int64_t* run, int64_t* index) {
    for (int64_t i = 0; i < wanted; ++i) index[i] = sorted[i].index;
    double least = 0;  // h^2; 0 where all are as near as rounding
    for (int64_t i = 0; i < seen && least == 0; ++i)
        if (sorted[i].d2 > p.beyond) least = sorted[i].d2;
    const auto tied = [&](int64_t i) {
        const double d2 = sorted[i].d2, most = p.relative * d2;
        return d2 - sorted[i - 1].d2 <= std::min(p.slope * std::sqrt(d2), p.cap * least) + most;
    };
    const double near = std::sqrt(least), tolerance = std::min(p.offset_slope, p.offset_cap * near) + p.relative * near;
    int64_t end = 0;
    for (int64_t begin = 0; begin < wanted; begin = end) {
        end = begin + 1;
        while (end < seen && tied(end)) ++end;
        if (end == begin + 1) continue;
        for (int64_t i = begin; i < end; ++i) run[i] = sorted[i].index;
        sort_run(p, query, tolerance, 0, run + begin, run + end);
        std::copy(run + begin, run + std::min(end, wanted), index + begin);
    }
    return end < seen || seen <= wanted;
}

static void nearest(const Neighbours& p, const double* columns, int64_t stride, int64_t begin, int64_t end) {
    constexpr int N = Lanes<double>::N;
    const int64_t n = p.points;
    Memory a, b, c, d, e, f;
    double* d2 = a.resize<double>(stride);
    Candidate* found = b.resize<Candidate>(n + 1);
    Candidate* sorted = c.resize<Candidate>(n);
    int32_t* first = d.resize<int32_t>(n + 1);
    Vec<double>* from = reinterpret_cast<Vec<double>*>(e.resize<double>(N * p.dim));
    int64_t* run = f.resize<int64_t>(n);
    double guess = std::numeric_limits<double>::infinity();  // beyond it nobody is expected: the last query's reach
    for (int64_t q = begin; q < end; ++q) {
        const double* query = p.queries + q * p.dim;
        int64_t* index = p.index + q * p.count;
        const int64_t self = p.own < 0 ? -1 : p.own + q, others = n - (self >= 0), wanted = p.count - (self >= 0);
        if (self >= 0) *index++ = self;
        for (int axis = 0; axis < p.dim; ++axis) from[axis] = all<double>(query[axis]);
        for (int64_t i = 0; i < stride; i += N) store(d2 + i, squared_distance<double>(columns + i, stride, p.dim, from));
        int64_t more = p.margin, further = p.count / 4 + 16;
        for (bool done = wanted == 0; !done;) {
            const int64_t seen = std::min(others, wanted + more);
            int64_t kept = 0;
            for (int64_t i = 0; i < n; i += N) {
                const Int<double> close = load(d2 + i) <= all<double>(guess);
                int64_t any = 0;
                for (int lane = 0; lane < N; ++lane) any |= close[lane];
                if (any == 0) continue;
                for (int64_t j = i; j < std::min(i + N, n); ++j) {
                    found[kept] = {d2[j], j};
                    kept += d2[j] <= guess && j != self;
                }
            }
            if (kept < seen) {
                for (int64_t j = kept = 0; j < n; ++j) {
                    found[kept] = {d2[j], j};
                    kept += j != self;
                }
                guess = std::numeric_limits<double>::infinity();
            }
            if (kept > 2 * seen) {
                std::nth_element(found, found + seen - 1, found + kept);
                kept = seen;
            }
            double most = 0;
            for (int64_t i = 0; i < kept; ++i) most = std::max(most, found[i].d2);
            sort_candidates(found, kept, most, sorted, first);
            guess = 1.25 * sorted[seen - 1].d2;
            done = decide_ties(p, query, sorted, seen, wanted, run, index) || seen == others;
            more = further;
            further *= 4;
        }
    }
}

static void nearest(const Neighbours& problem) {
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
