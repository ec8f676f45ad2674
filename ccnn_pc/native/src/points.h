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

template <class R> static void farthest(const R* pos, int64_t points, int64_t wanted, int64_t start, int dim, int64_t* chosen) {
    constexpr int N = Lanes<R>::N;
    const int64_t stride = (points + N - 1) / N * N;
    Memory memory, distances, point;
    R* columns = memory.resize<R>(stride * dim);
    R* nearest = distances.resize<R>(stride);
    Vec<R>* from = reinterpret_cast<Vec<R>*>(point.resize<R>(N * dim));
    transpose(pos, points, dim, stride, columns);
    std::fill(nearest, nearest + points, std::numeric_limits<R>::infinity());
    std::fill(nearest + points, nearest + stride, (R)-2);
    Int<R> lane;
    for (int i = 0; i < N; ++i) lane[i] = i;
    for (int64_t step = 0; step < wanted; ++step) {
        chosen[step] = start;
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

template <class R> void farthest(const Farthest<R>& problem) {
    Team team(problem.threads);
    team.run(problem.clouds, [&](long c, int) {
        const int64_t begin = problem.first[c];
        farthest(problem.pos + begin * problem.dim, problem.first[c + 1] - begin, problem.wanted, problem.start[c],
                 (int)problem.dim, problem.chosen + c * problem.wanted);
    });
}

// Pairs of distance and number.
struct Candidate {
    double d2;
    int64_t index;
    bool operator<(const Candidate& other) const {
        return d2 < other.d2 || (d2 == other.d2 && index < other.index);
    }
};
// Sorted: buckets of equal width first, which hold few each where points lie on a surface.
static void sort_candidates(Candidate* found, int64_t count, double most, Candidate* sorted, int32_t* first) {
    constexpr int MANY = 16;  // in a bucket: the standard sort, whose comparisons are calls
    const int64_t buckets = count;
    const double scale = most > 0 ? (buckets - 1) / most : 0;
    if (!(scale > 0 && scale <= 1e300)) {
        std::sort(found, found + count);
        std::copy(found, found + count, sorted);
        return;
    }
    const auto bucket = [&](const Candidate& c) { return (int32_t)(c.d2 * scale); };
    std::fill(first, first + buckets + 1, 0);
    for (int64_t i = 0; i < count; ++i) ++first[bucket(found[i]) + 1];
    int32_t largest = 0;
    for (int64_t b = 0; b < buckets; ++b) {
        largest = std::max(largest, first[b + 1]);
        first[b + 1] += first[b];
    }
    for (int64_t i = 0; i < count; ++i) sorted[first[bucket(found[i])]++] = found[i];
    for (int64_t b = 0, begin = 0; largest > MANY && b < buckets; begin = first[b++])  // first[b]: where bucket b ends
        if (first[b] - begin > MANY) std::sort(sorted + begin, sorted + first[b]);
    for (int64_t i = 1; i < count; ++i) {
        const Candidate one = sorted[i];
        const auto before = [&](const Candidate& c) { return one.d2 < c.d2 || (one.d2 == c.d2 && one.index < c.index); };
        int64_t j = i;
        for (; j > 0 && before(sorted[j - 1]); --j) sorted[j] = sorted[j - 1];
        sorted[j] = one;
    }
}

// What the queries of one cloud are compared with.
struct Cloud {
    const double *pos, *columns;  // rows [points][dim], and columns of `stride` numbers
    int64_t points, stride;
    int dim;
    double slope, cap, relative, beyond, offset_slope, offset_cap;
};

// Members of a run of equal distances, sorted by offset axis by axis, equal ones by number.
static void sort_run(const Cloud& p, const double* query, double tolerance, int axis, int64_t* first, int64_t* last) {
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
static bool decide_ties(const Cloud& p, const double* query, const Candidate* sorted, int64_t seen, int64_t wanted,
                        int64_t* run, int32_t* index) {
    for (int64_t i = 0; i < wanted; ++i) index[i] = (int32_t)sorted[i].index;
    double least = 0;  // h^2; 0 where all are as near as rounding
    for (int64_t i = 0; i < seen && least == 0; ++i)
        if (sorted[i].d2 > p.beyond) least = sorted[i].d2;
    const double cap = p.cap * least, largest = std::min(p.slope * std::sqrt(sorted[seen - 1].d2), cap);
    const auto tied = [&](int64_t i) {
        const double d2 = sorted[i].d2, most = p.relative * d2, apart = d2 - sorted[i - 1].d2;
        return apart <= largest + most && apart <= std::min(p.slope * std::sqrt(d2), cap) + most;
    };
    const double near = std::sqrt(least), tolerance = std::min(p.offset_slope, p.offset_cap * near) + p.relative * near;
    int64_t end = 0;
    for (int64_t begin = 0; begin < wanted; begin = end) {
        end = begin + 1;
        while (end < seen && tied(end)) ++end;
        if (end == begin + 1) continue;
        for (int64_t i = begin; i < end; ++i) run[i] = sorted[i].index;
        sort_run(p, query, tolerance, 0, run + begin, run + end);
        for (int64_t i = begin; i < std::min(end, wanted); ++i) index[i] = (int32_t)run[i];
    }
    return end < seen || seen <= wanted;
}

// Queries [rows][dim] of one cloud; query i is point own + i, unless own is below 0. Table [rows][count].
static void nearest(const Cloud& p, const double* queries, int64_t rows, int64_t own, int64_t count, int64_t margin,
                    int32_t* table) {
    constexpr int N = Lanes<double>::N, GROUP = 4;
    const int64_t n = p.points;
    Memory a, b, c, d, e, f;
    double* d2 = a.resize<double>(p.stride);
    Candidate* found = b.resize<Candidate>(n + 1);
    Candidate* sorted = c.resize<Candidate>(n);
    int32_t* first = d.resize<int32_t>(n + 1);
    Vec<double>* from = reinterpret_cast<Vec<double>*>(e.resize<double>(N * p.dim));
    int64_t* run = f.resize<int64_t>(n);
    const int64_t width = std::min(count, n);
    double guess = std::numeric_limits<double>::infinity();  // beyond it nobody is expected: the last query's reach
    for (int64_t q = 0; q < rows; ++q) {
        const double* query = queries + q * p.dim;
        int32_t* index = table + q * count;
        const int64_t self = own < 0 ? -1 : own + q, others = n - (self >= 0), wanted = width - (self >= 0);
        if (self >= 0) *index++ = (int32_t)self;
        for (int axis = 0; axis < p.dim; ++axis) from[axis] = all<double>(query[axis]);
        for (int64_t i = 0; i < p.stride; i += N)
            store(d2 + i, squared_distance<double>(p.columns + i, p.stride, p.dim, from));
        int64_t more = margin, further = width / 4 + 16;
        for (bool done = wanted == 0; !done;) {
            const int64_t seen = std::min(others, wanted + more);
            int64_t kept = 0;
            for (int64_t i = 0; i < n; i += GROUP * N) {
                Int<double> close{};
                for (int64_t j = i; j < std::min(i + GROUP * N, p.stride); j += N) close |= load(d2 + j) <= all<double>(guess);
                int64_t any = 0;
                for (int lane = 0; lane < N; ++lane) any |= close[lane];
                if (any == 0) continue;
                for (int64_t j = i; j < std::min(i + GROUP * N, n); ++j) {
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
        std::fill(table + q * count + width, table + (q + 1) * count, table[q * count + width - 1]);
    }
}

static void nearest(const Neighbours& problem) {
    constexpr int64_t PART = 64;  // queries
    constexpr int N = Lanes<double>::N;
    const int dim = (int)problem.dim;
    struct Part {
        int64_t cloud, query;
    };
    std::vector<Part> parts;
    std::vector<int64_t> place(1, 0);  // of each cloud's columns
    for (int64_t c = 0; c < problem.clouds; ++c) {
        place.push_back(place.back() + (problem.first[c + 1] - problem.first[c] + N - 1) / N * N * dim);
        for (int64_t q = problem.query_first[c]; q < problem.query_first[c + 1]; q += PART) parts.push_back({c, q});
    }
    Memory memory;
    double* columns = memory.resize<double>(place.back());
    for (int64_t c = 0; c < problem.clouds; ++c)
        transpose(problem.pos + problem.first[c] * dim, problem.first[c + 1] - problem.first[c], dim,
                  (place[c + 1] - place[c]) / dim, columns + place[c]);
    Team team(problem.threads);
    team.run((long)parts.size(), [&](long part, int) {
        const int64_t c = parts[part].cloud, q = parts[part].query, begin = problem.first[c];
        const int64_t rows = std::min(PART, problem.query_first[c + 1] - q);
        int32_t* table = problem.index + q * problem.count;
        const Cloud cloud{problem.pos + begin * dim, columns + place[c], problem.first[c + 1] - begin,
                          (place[c + 1] - place[c]) / dim, dim, problem.slope[c], problem.cap, problem.relative,
                          problem.beyond[c], problem.offset_slope[c], problem.offset_cap};
        nearest(cloud, problem.queries + q * dim, rows, problem.same ? q - begin : -1, problem.count, problem.margin, table);
        for (int64_t i = 0; i < rows * problem.count; ++i) table[i] += (int32_t)begin;
    });
}
