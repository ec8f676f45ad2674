// The walk over edges: tiles of edges, their windowed features, the sums over neighbours, and back.
// Included inside of an instruction set's namespace.

constexpr long GROUP_EDGES = 4096;   // edges of a group of queries, which one thread works off
constexpr long CHUNK_EDGES = 65536;  // edges whose features the backward pass keeps at a time

// Consecutive queries with at least `edges` edges together (the last one: what is left).
inline std::vector<long> groups_of(const int64_t* length, long first, long last, long edges) {
    std::vector<long> starts{first};
    long sum = 0;
    for (long q = first; q < last; ++q) {
        sum += std::max<int64_t>(length[q], 1);
        if (sum >= edges && q + 1 < last) {
            starts.push_back(q + 1);
            sum = 0;
        }
    }
    starts.push_back(last);
    return starts;
}

// Rows of samples or of the table with zeros up to whole vectors.
template <class R> struct Rows {
    long width, padded;
    const R* data;
    Memory memory;
    Rows(const R* from, long rows, long width, int threads) : width(width), padded(round_up(width, Lanes<R>::N)), data(from) {
        if (padded == width && reinterpret_cast<uintptr_t>(from) % VECTOR_BYTES == 0) return;
        memory.resize<R>(rows * padded);
        R* to = memory.at<R>(0);
        data = to;
        const long part = 1024, padded_ = padded;
        in_parallel((rows + part - 1) / part, threads, [=](long block, int) {
            for (long r = block * part; r < std::min(rows, (block + 1) * part); ++r) {
                std::memcpy(to + r * padded_, from + r * width, width * sizeof(R));
                std::fill(to + r * padded_ + width, to + (r + 1) * padded_, (R)0);
            }
        });
    }
    const R* row(long r) const { return data + r * padded; }
};

// One query's part of a tile.
struct Segment {
    long query;
    int first, count;
    bool begins, ends;
};

// What one thread works with while it walks over edges.
template <class R> struct Walk {
    static constexpr int L = Lanes<R>::N;
    const Problem<R>& p;
    const int H;  // features and the window
    Scratch<R> scratch;
    std::unique_ptr<Features<R>> features;
    Tile<R> tile;
    alignas(64) R window[TILE];
    long edge[TILE], sample[TILE];
    std::vector<Segment> segments;
    int filled = 0;
    R* hm;  // [H][TILE]

    Walk(const Problem<R>& p, bool trains) : p(p), H(p.hidden + 1) {
        features = features_of<R>(p.kernel, p.dim, scratch, trains);
        hm = scratch.take((size_t)H * TILE);
    }
    // Calls at(), which sees a full tile, for all edges of queries first to last.
    template <class At> void tiles(long first, long last, At at) {
        filled = 0;
        segments.clear();
        for (long q = first; q < last; ++q) {
            const long start = p.start[q], length = p.length[q];
            for (long done = 0; done < length;) {
                const int count = (int)std::min<long>(length - done, TILE - filled);
                segments.push_back({q, filled, count, done == 0, done + count == length});
                for (int i = 0; i < count; ++i) edge[filled + i] = start + done + i;
                filled += count;
                done += count;
                if (filled == TILE) flush(at);
            }
        }
        if (filled) flush(at);
    }
    template <class At> void flush(At at) {
        locate();
        at();
        filled = 0;
        segments.clear();
    }
    // Samples, kernel coordinates and windows of the tile's edges; edges that fill it up have no window.
    void locate() {
        for (int d = 0; d < p.dim; ++d)
            for (int e = filled; e < TILE; ++e) tile.u[d][e] = tile.high[d][e] = tile.low[d][e] = 0;
        for (int e = 0; e < filled; ++e) window[e] = 1;
        for (int e = filled; e < TILE; ++e) window[e] = 0, sample[e] = 0, edge[e] = 0;
        for (const Segment& s : segments)
            for (int e = s.first; e < s.first + s.count; ++e) {
                const long j = p.sample_of(edge[e]);
                sample[e] = j;
                if (p.kernel.family == Family::ROWS) continue;
                for (int d = 0; d < p.dim; ++d) {
                    const double rel = p.pos[j * p.dim + d] - p.query[s.query * p.dim + d];
                    double u = rel;
                    if (p.causal) u = rel > 0 ? std::max(1 + 2 * u, 1.001) : 1 + 2 * u;
                    if (std::fabs(u) > 1 + p.tolerance) window[e] = 0;
                    u = std::min(std::max(u, -1.0), 1.0);
                    const double leading = std::nearbyint(u * 1024) / 1024;
                    tile.u[d][e] = (R)u;
                    tile.high[d][e] = (R)leading;
                    tile.low[d][e] = (R)(u - leading);
                }
            }
        if (p.kernel.family != Family::ROWS && p.precision != nullptr)
            for (int e = 0; e < TILE; e += L) {
                Vec<R> q{};
                for (int d = 0; d < p.dim; ++d) {
                    const Vec<R> t = load(tile.u[d] + e) - p.mean[d];
                    q += t * t * p.precision[d];
                }
                store(window + e, load(window + e) * power_of_minus<R>(q * (R)1.4426950408889634074));
            }
    }
    // Windowed features [h, 1] m of the tile; h without window where it is asked for.
    void evaluate(R* h, bool keep) {
        if (p.kernel.family == Family::ROWS) {
            for (int u = 0; u < H; ++u) std::memset(hm + (long)u * TILE, 0, sizeof(R) * TILE);
            for (int e = 0; e < filled; ++e) {
                const R* row = p.kernel.parameters[0] + p.row_of(edge[e]) * H;
                for (int u = 0; u < H; ++u) hm[(long)u * TILE + e] = row[u];
            }
            return;
        }
        R* to = h == nullptr ? hm : h;
        features->forward(tile, to, keep);
        for (int u = 0; u < H - 1; ++u)
            for (int e = 0; e < TILE; e += L)
                store(hm + (long)u * TILE + e, load(to + (long)u * TILE + e) * load(window + e));
        std::memcpy(hm + (long)(H - 1) * TILE, window, sizeof(R) * TILE);
    }
    // z[h, c] (+)= sum over the segment's edges of hm[h, e] x[j_e, c]
    void sum_neighbours(const Segment& s, const Rows<R>& x, R* z) const {
        const long* j = sample + s.first;
        const long width = x.padded;
        auto row = [&](int e) { return x.row(j[e]); };
        if (s.begins)
            product<R>(H, width, s.count, hm + s.first, TILE, 1, row,
                       [&](int h, int c, Vec<R> v) { store(z + h * width + c, v); });
        else
            product<R>(H, width, s.count, hm + s.first, TILE, 1, row,
                       [&](int h, int c, Vec<R> v) { store(z + h * width + c, load(z + h * width + c) + v); });
    }
};

// Some queries whose sums over neighbours wait for the full table, lest it is read for each of them alone.
constexpr int WAITING = 6;

template <class R> void forward(const Problem<R>& p) {
    constexpr int L = Lanes<R>::N;
    const int H = p.hidden + 1;
    const Rows<R> x(p.x, p.samples, p.channels_in, p.threads);
    const Rows<R> table(p.table, p.full ? (long)H * p.channels_in : H, p.channels_out, p.threads);
    const auto starts = groups_of(p.length, 0, p.queries, GROUP_EDGES);
    std::vector<R> moments(p.moments ? (starts.size() - 1) * H * H : 0);
    std::vector<std::unique_ptr<Walk<R>>> walks(p.threads);
    std::vector<Memory> memory(p.threads);
    std::fill(p.y, p.y + p.queries * p.channels_out, (R)0);
    const long Z = H * x.padded;
    in_parallel((long)starts.size() - 1, p.threads, [&](long group, int thread) {
        if (!walks[thread]) {
            walks[thread] = std::make_unique<Walk<R>>(p, false);
            memory[thread].template resize<R>((p.full ? WAITING : 1) * Z + WAITING * table.padded);
        }
        Walk<R>& walk = *walks[thread];
        R *sums = memory[thread].template at<R>(0), *rows = sums + (p.full ? WAITING : 1) * Z;
        long queries[WAITING];
        int waiting = 0;
        auto apply_full = [&] {  // y[q, o] = sum of z[q, (h, c)] T[(h, c), o]; padded channels of z are left out
            for (int q = 0; q < waiting; ++q) std::fill(rows + q * table.padded, rows + (q + 1) * table.padded, (R)0);
            for (int h = 0; h < H; ++h)
                product<R>(waiting, table.padded, p.channels_in, sums + h * x.padded, Z, 1,
                           [&](int c) { return table.row((long)h * p.channels_in + c); },
                           [&](int q, int o, Vec<R> v) {
                               R* to = rows + q * table.padded + o;
                               store(to, load(to) + v);
                           });
            for (int q = 0; q < waiting; ++q)
                std::memcpy(p.y + queries[q] * p.channels_out, rows + q * table.padded, p.channels_out * sizeof(R));
            waiting = 0;
        };
        walk.tiles(starts[group], starts[group + 1], [&] {
            walk.evaluate(nullptr, false);
            if (p.moments) {
                R* to = moments.data() + group * H * H;
                for (int a = 0; a < H; ++a)
                    for (int b = 0; b <= a; ++b) {
                        Vec<R> v{};
                        for (int e = 0; e < TILE; e += L)
                            v += load(walk.hm + (long)a * TILE + e) * load(walk.hm + (long)b * TILE + e);
                        to[a * H + b] += sum<R>(v);
                    }
            }
            for (const Segment& s : walk.segments) {
                R* z = sums + (p.full ? waiting * Z : 0);
                walk.sum_neighbours(s, x, z);
                if (!s.ends) continue;
                if (p.full) {
                    queries[waiting++] = s.query;
                    if (waiting == WAITING) apply_full();
                    continue;
                }
                for (long c = 0; c < table.padded; c += L) {
                    Vec<R> v{};
                    for (int h = 0; h < H; ++h) v += load(table.row(h) + c) * load(z + h * x.padded + c);
                    store(rows + c, v);
                }
                std::memcpy(p.y + s.query * p.channels_out, rows, p.channels_out * sizeof(R));
            }
        });
        if (waiting) apply_full();
    });
    if (p.moments) {
        std::vector<double> total(H * H);
        for (size_t i = 0; i < moments.size(); ++i) total[i % (H * H)] += moments[i];
        for (int a = 0; a < H; ++a)
            for (int b = 0; b <= a; ++b) p.moments[a * H + b] = p.moments[b * H + a] = (R)total[a * H + b];
    }
}

// Positions in a chunk sorted by a number that each has, the order of equal ones kept.
struct Sorted {
    std::vector<int> start, order;
    std::vector<long> number;  // the numbers that occur
    template <class Number> void sort(long count, long limit, Number of) {
        start.assign(limit + 1, 0);
        for (long i = 0; i < count; ++i) ++start[of(i) + 1];
        number.clear();
        for (long n = 0; n < limit; ++n) {
            if (start[n + 1]) number.push_back(n);
            start[n + 1] += start[n];
        }
        order.resize(count);
        std::vector<int> next(start.begin(), start.end() - 1);
        for (long i = 0; i < count; ++i) order[next[of(i)]++] = (int)i;
    }
};

// Depthwise: gx[j] += (sum_h hm[e, h] T[h]) g[q] for edges e = order[low .. high), those of a sample one after the other.
template <class R>
void samples_of_edges(int H, R* grad_x, const Rows<R>& table, const Rows<R>& g, const R* kept, int P, const int* order,
                      long low, long high, const long* edge_query, const long* edge_sample) {
    const long width = table.padded, step = 48;
    Memory memory;
    memory.resize<R>(step * P);
    R* gathered = memory.at<R>(0);
    for (long i = low; i < high; i += step) {
        const int count = (int)std::min(step, high - i);
        for (int e = 0; e < count; ++e) std::memcpy(gathered + e * P, kept + (long)order[i + e] * P, H * sizeof(R));
        product<R>(count, width, H, gathered, P, 1, [&](int u) { return table.row(u); },
                   [&](int e, int c, Vec<R> v) {
                       const long edge = order[i + e];
                       const Vec<R> part = v * load(g.row(edge_query[edge]) + c);
                       R* to = grad_x + edge_sample[edge] * width + c;
                       store(to, load(to) + part);
                   });
    }
}

template <class R> void backward(const Problem<R>& p, const Gradients<R>& out) {
    constexpr int L = Lanes<R>::N;
    const int H = p.hidden + 1, P = round_up(H, L);
    const bool rows_given = p.kernel.family == Family::ROWS;
    const bool trains = !rows_given && (out.parameters || out.window || out.pos || out.query);
    const bool features_wanted = trains || (rows_given && out.parameters), moved = out.pos || out.query;
    const Rows<R> x(p.x, p.samples, p.channels_in, p.threads), g(out.y, p.queries, p.channels_out, p.threads);
    const Rows<R> table(p.table, p.full ? (long)H * p.channels_in : H, p.channels_out, p.threads);
    const long Z = H * x.padded, G = g.padded;
    // full: the table with its last two axes exchanged, [H][C_out][C_in], rows padded
    Memory turned_memory;
    if (p.full) {
        turned_memory.resize<R>((size_t)H * p.channels_out * x.padded);
        R* to = turned_memory.at<R>(0);
        for (long h = 0; h < H; ++h)
            for (long o = 0; o < p.channels_out; ++o)
                for (long c = 0; c < x.padded; ++c)
                    to[(h * p.channels_out + o) * x.padded + c] =
                        c < p.channels_in ? table.row(h * p.channels_in + c)[o] : (R)0;
    }
    const R* turned = p.full ? turned_memory.at<R>(0) : nullptr;
    const long table_size = p.full ? Z * G : (long)H * G;
    const long partial = (trains ? out.parameter_count + 2 * p.dim : 0);

    const auto chunks = groups_of(p.length, 0, p.queries, CHUNK_EDGES);
    std::vector<double> total_parameters(partial), total_table(out.table ? table_size : 0);
    Memory kept_memory, contribution_memory, d_row_memory, moved_memory, partial_memory;
    std::vector<std::unique_ptr<Walk<R>>> walks(p.threads);
    std::vector<Memory> memory(p.threads);
    Sorted by_sample, by_row;
    Memory grad_x_memory;
    const bool direct = x.padded == p.channels_in && reinterpret_cast<uintptr_t>(out.x) % VECTOR_BYTES == 0;
    if (out.x && !direct) grad_x_memory.resize<R>(p.samples * x.padded);
    R* grad_x = out.x == nullptr ? nullptr : direct ? out.x : grad_x_memory.at<R>(0);
    if (out.x) std::fill(grad_x, grad_x + p.samples * x.padded, (R)0);
    if (out.pos) std::fill(out.pos, out.pos + p.samples * p.dim, 0.0);
    if (out.query) std::fill(out.query, out.query + p.queries * p.dim, 0.0);
    if (rows_given && out.parameters) std::fill(out.parameters, out.parameters + p.row_count * H, (R)0);

    for (size_t chunk = 0; chunk + 1 < chunks.size(); ++chunk) {
        const long first = chunks[chunk], last = chunks[chunk + 1];
        std::vector<long> offset(last - first + 1, 0);  // of each query's edges in the chunk
        for (long q = first; q < last; ++q) offset[q - first + 1] = offset[q - first] + p.length[q];
        const long edges = offset[last - first];
        if (edges == 0) continue;
        if (out.x && !p.full) kept_memory.resize<R>((size_t)edges * P);
        if (out.x && p.full) contribution_memory.resize<R>((size_t)edges * x.padded);
        if (rows_given && out.parameters) d_row_memory.resize<R>((size_t)edges * P);
        if (moved) moved_memory.resize<R>((size_t)edges * p.dim);
        R *kept = kept_memory.at<R>(0), *contribution = contribution_memory.at<R>(0);
        R *d_rows = d_row_memory.at<R>(0), *moves = moved_memory.at<R>(0);
        const auto starts = groups_of(p.length, first, last, GROUP_EDGES);
        const long group_count = (long)starts.size() - 1, group_size = partial + (out.table ? table_size : 0);
        partial_memory.resize<R>(std::max<long>(group_count * group_size, 1));
        R* partials = partial_memory.at<R>(0);
        std::fill(partials, partials + group_count * group_size, (R)0);

        in_parallel(group_count, p.threads, [&](long group, int thread) {
            const int waits = p.full ? WAITING : 1;
            if (!walks[thread]) {
                walks[thread] = std::make_unique<Walk<R>>(p, trains);
                memory[thread].template resize<R>((size_t)waits * Z + Z + WAITING * G + (size_t)x.padded * TILE +
                                                  4 * (size_t)P * TILE + (3 + 2 * MAX_DIM) * TILE +
                                                  2 * MAX_DIM * L);
            }
            Walk<R>& walk = *walks[thread];
            R *sums = memory[thread].template at<R>(0), *dz = sums + waits * Z, *gradients = dz + Z,
              *columns = gradients + WAITING * G, *h = columns + x.padded * TILE, *d_hm = h + (long)P * TILE,
              *d_h = d_hm + (long)P * TILE, *part = d_h + (long)P * TILE, *d_window = part + (long)P * TILE,
              *du = d_window + TILE, *window_sums = du + MAX_DIM * TILE;
            std::fill(window_sums, window_sums + 2 * MAX_DIM * L, (R)0);
            R *to_parameters = partials + group * group_size, *to_table = to_parameters + partial;
            int waiting = 0;
            auto apply_full = [&] {  // dT[(h, c), o] += sum over queries of z[q, (h, c)] g[q, o]
                product<R>(Z, G, waiting, sums, 1, Z, [&](int q) { return gradients + q * G; },
                           [&](int hc, int o, Vec<R> v) {
                               R* to = to_table + (long)hc * G + o;
                               unaligned_add<R>(to, v);
                           });
                waiting = 0;
            };
            walk.tiles(starts[group], starts[group + 1], [&] {
                walk.evaluate(rows_given ? nullptr : h, trains);
                for (const Segment& s : walk.segments) {
                    const R* gradient = g.row(s.query);
                    const long at = offset[s.query - first] + (walk.edge[s.first] - p.start[s.query]);
                    if (s.begins && (features_wanted || (out.x && p.full))) {
                        if (p.full)
                            for (int u = 0; u < H; ++u)
                                product<R>(1, x.padded, p.channels_out, gradient, 0, 1,
                                           [&](int o) { return turned + ((long)u * p.channels_out + o) * x.padded; },
                                           [&](int, int c, Vec<R> v) { store(dz + u * x.padded + c, v); });
                        else
                            for (int u = 0; u < H; ++u)
                                for (long c = 0; c < x.padded; c += L)
                                    store(dz + u * x.padded + c, load(table.row(u) + c) * load(gradient + c));
                    }
                    if (out.table) {
                        R* z = sums + (p.full ? waiting * Z : 0);
                        walk.sum_neighbours(s, x, z);
                        if (s.ends && p.full) {
                            std::memcpy(gradients + waiting * G, gradient, G * sizeof(R));
                            if (++waiting == WAITING) apply_full();
                        } else if (s.ends)
                            for (int u = 0; u < H; ++u)
                                for (long c = 0; c < G; c += L)
                                    unaligned_add<R>(to_table + u * G + c, load(z + u * x.padded + c) * load(gradient + c));
                    }
                    if (features_wanted) {
                        const int wide = round_up(s.count, L);
                        for (long c = 0; c < x.padded; c += L)
                            for (int e = 0; e < wide; e += L)
                                transpose_block<R>(
                                    [&](int i) { return x.row(walk.sample[s.first + std::min(e + i, s.count - 1)]) + c; },
                                    [&](int i) { return columns + (c + i) * TILE + e; });
                        product<R>(H, wide, p.channels_in, dz, x.padded, 1, [&](int c) { return columns + (long)c * TILE; },
                                   [&](int u, int e, Vec<R> v) { store(part + (long)u * TILE + e, v); });
                        for (int u = 0; u < H; ++u)
                            std::memcpy(d_hm + (long)u * TILE + s.first, part + (long)u * TILE, s.count * sizeof(R));
                    }
                    if (out.x && p.full) {
                        R* to = contribution + at * x.padded;
                        const long width = x.padded;
                        product<R>(s.count, width, H, walk.hm + s.first, 1, TILE, [&](int u) { return dz + u * width; },
                                   [&](int e, int c, Vec<R> v) { store(to + e * width + c, v); });
                    }
                    if (out.x && !p.full)
                        for (int e = 0; e < s.count; ++e)
                            for (int u = 0; u < H; ++u)
                                kept[(at + e) * P + u] = walk.hm[(long)u * TILE + s.first + e];
                }
                if (!features_wanted) return;
                for (int u = 0; u < H; ++u)
                    for (int e = walk.filled; e < TILE; ++e) d_hm[(long)u * TILE + e] = 0;
                if (out.moments)
                    product<R>(H, TILE, H, out.moments, H, 1, [&](int u) { return walk.hm + (long)u * TILE; },
                               [&](int u, int e, Vec<R> v) { store(d_hm + (long)u * TILE + e, load(d_hm + (long)u * TILE + e) + v); });
                if (rows_given) {
                    for (const Segment& s : walk.segments) {
                        const long at = offset[s.query - first] + (walk.edge[s.first] - p.start[s.query]);
                        for (int e = 0; e < s.count; ++e)
                            for (int u = 0; u < H; ++u) d_rows[(at + e) * P + u] = d_hm[(long)u * TILE + s.first + e];
                    }
                    return;
                }
                for (int e = 0; e < TILE; e += L) {
                    const Vec<R> m = load(walk.window + e);
                    Vec<R> total = load(d_hm + (long)(H - 1) * TILE + e);
                    for (int u = 0; u < H - 1; ++u) {
                        const Vec<R> d = load(d_hm + (long)u * TILE + e);
                        total += d * load(h + (long)u * TILE + e);
                        store(d_h + (long)u * TILE + e, d * m);
                    }
                    store(d_window + e, total * m);
                }
                if (moved) std::fill(du, du + MAX_DIM * TILE, (R)0);
                walk.features->backward(walk.tile, d_h, moved ? du : nullptr);
                if (p.precision)
                    for (int d = 0; d < p.dim; ++d)
                        for (int e = 0; e < TILE; e += L) {
                            const Vec<R> t = load(walk.tile.u[d] + e) - p.mean[d], dm = load(d_window + e);
                            store(window_sums + d * L, load(window_sums + d * L) - dm * t * t);
                            const Vec<R> slope = 2 * p.precision[d] * t * dm;
                            store(window_sums + (MAX_DIM + d) * L, load(window_sums + (MAX_DIM + d) * L) + slope);
                            if (moved) store(du + d * TILE + e, load(du + d * TILE + e) - slope);
                        }
                if (moved)
                    for (const Segment& s : walk.segments) {
                        const long at = offset[s.query - first] + (walk.edge[s.first] - p.start[s.query]);
                        for (int e = 0; e < s.count; ++e)
                            for (int d = 0; d < p.dim; ++d) {
                                const double factor = p.causal ? 2 : 1;
                                const R move = (R)(du[d * TILE + s.first + e] * factor);
                                moves[(at + e) * p.dim + d] = move;
                                if (out.query) out.query[s.query * p.dim + d] -= move;
                            }
                    }
            });
            if (waiting) apply_full();
            if (trains) {
                walk.features->reduce(to_parameters);
                for (int d = 0; d < p.dim; ++d) {
                    to_parameters[out.parameter_count + d] += sum<R>(load(window_sums + d * L));
                    to_parameters[out.parameter_count + p.dim + d] += sum<R>(load(window_sums + (MAX_DIM + d) * L));
                }
            }
        });

        for (long group = 0; group < group_count; ++group) {  // in this order, whoever worked on them
            const R* from = partials + group * group_size;
            for (long i = 0; i < partial; ++i) total_parameters[i] += from[i];
            if (out.table)
                for (long i = 0; i < table_size; ++i) total_table[i] += from[partial + i];
        }
        // the edges of each sample, one after the other
        std::vector<long> edge_query(edges), edge_sample(edges), edge_row(rows_given ? edges : 0);
        for (long q = first; q < last; ++q)
            for (long i = 0; i < p.length[q]; ++i) {
                const long at = offset[q - first] + i;
                edge_query[at] = q;
                edge_sample[at] = p.sample_of(p.start[q] + i);
                if (rows_given) edge_row[at] = p.row_of(p.start[q] + i);
            }
        if (out.x || out.pos) {
            by_sample.sort(edges, p.samples, [&](long i) { return edge_sample[i]; });
            const long count = (long)by_sample.number.size(), part = std::max<long>(1, count / (8 * p.threads));
            in_parallel((count + part - 1) / part, p.threads, [&](long block, int) {
                const long low = by_sample.start[by_sample.number[block * part]];
                const long high = by_sample.start[by_sample.number[std::min(count, (block + 1) * part) - 1] + 1];
                const int* order = by_sample.order.data();
                if (out.pos)
                    for (long i = low; i < high; ++i)
                        for (int d = 0; d < p.dim; ++d)
                            out.pos[edge_sample[order[i]] * p.dim + d] += moves[order[i] * p.dim + d];
                if (!out.x) return;
                if (p.full)
                    for (long i = low; i < high; ++i) {
                        R* to = grad_x + edge_sample[order[i]] * x.padded;
                        const R* from = contribution + (long)order[i] * x.padded;
                        for (long c = 0; c < x.padded; c += L) store(to + c, load(to + c) + load(from + c));
                    }
                else
                    samples_of_edges(p.hidden + 1, grad_x, table, g, kept, P, order, low, high, edge_query.data(), edge_sample.data());
            });
        }
        if (rows_given && out.parameters) {
            by_row.sort(edges, p.row_count, [&](long i) { return edge_row[i]; });
            const long count = (long)by_row.number.size(), part = std::max<long>(1, count / (8 * p.threads));
            in_parallel((count + part - 1) / part, p.threads, [&](long block, int) {
                for (long n = block * part; n < std::min(count, (block + 1) * part); ++n) {
                    R* to = out.parameters + by_row.number[n] * H;
                    for (int i = by_row.start[by_row.number[n]]; i < by_row.start[by_row.number[n] + 1]; ++i)
                        for (int u = 0; u < H; ++u) to[u] += d_rows[(long)by_row.order[i] * P + u];
                }
            });
        }
    }
    if (trains && out.parameters)
        for (long i = 0; i < out.parameter_count; ++i) out.parameters[i] = (R)total_parameters[i];
    if (trains && out.window)
        for (int i = 0; i < 2 * p.dim; ++i) out.window[i] = (R)total_parameters[out.parameter_count + i];
    if (out.x && !direct)
        for (long j = 0; j < p.samples; ++j)
            std::memcpy(out.x + j * p.channels_in, grad_x + j * x.padded, p.channels_in * sizeof(R));
    if (out.table)
        for (long h = 0; h < H; ++h)
            for (long c = 0; c < (p.full ? p.channels_in : 1); ++c)
                for (long o = 0; o < p.channels_out; ++o)
                    out.table[(p.full ? h * p.channels_in + c : h) * p.channels_out + o] =
                        (R)total_table[(p.full ? h * x.padded + c : h) * G + o];
}
