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
    Rows(const R* from, long rows, long width, Team& team) : width(width), padded(round_up(width, Lanes<R>::N)), data(from) {
        if (padded == width && reinterpret_cast<uintptr_t>(from) % VECTOR_BYTES == 0) return;
        R* to = memory.resize<R>(rows * padded);
        data = to;
        const long part = 1024, wide = padded;
        team.run((rows + part - 1) / part, [=](long block, int) {
            for (long r = block * part; r < std::min(rows, (block + 1) * part); ++r) {
                std::memcpy(to + r * wide, from + r * width, width * sizeof(R));
                std::fill(to + r * wide + width, to + (r + 1) * wide, (R)0);
            }
        });
    }
    const R* row(long r) const { return data + r * padded; }
};

// out[c, r] = in[r, c] for whole blocks of vectors; in and out have `in_down` and `out_down` numbers in a row.
template <class R> void transpose(const R* in, long in_down, int rows, int columns, R* out, long out_down) {
    constexpr int L = Lanes<R>::N;
    for (int r = 0; r < rows; r += L)
        for (int c = 0; c < columns; c += L)
            transpose_block<R>([&](int i) { return in + (r + i) * in_down + c; },
                               [&](int i) { return out + (c + i) * out_down + r; });
}

// One query's part of a tile.
struct Segment {
    long query, edge;  // the query, and the first of its edges here
    int first, count;
    bool begins, ends;
};

// What one thread works with while it walks over edges.
template <class R> struct Walk {
    static constexpr int L = Lanes<R>::N;
    const Problem<R>& p;
    const int H, P;  // features and the window, and up to whole vectors
    Scratch<R> scratch;
    std::unique_ptr<Features<R>> features;
    Tile<R> tile;
    alignas(64) R window[TILE];
    alignas(64) double offset[MAX_DIM][TILE];
    int sample[TILE];
    std::vector<Segment> segments;
    int filled = 0;
    R* hm;  // windowed features [P][TILE]

    Walk(const Problem<R>& p, bool trains) : p(p), H(p.hidden + 1), P(round_up(H, L)) {
        features = features_of<R>(p.kernel, p.dim, scratch, trains);
        hm = scratch.take((size_t)P * TILE);
        std::fill(hm, hm + (size_t)P * TILE, (R)0);
    }
    // Calls at(), which sees a full tile, for all edges of queries first to last.
    template <class At> void tiles(long first, long last, At at) {
        filled = 0;
        segments.clear();
        for (long q = first; q < last; ++q) {
            const long start = p.start[q], length = p.length[q];
            for (long done = 0; done < length;) {
                const int count = (int)std::min<long>(length - done, TILE - filled);
                segments.push_back({q, start + done, filled, count, done == 0, done + count == length});
                filled += count;
                done += count;
                if (filled == TILE) flush(at);
            }
        }
        if (filled) flush(at);
    }
    template <class At> void flush(At at) {
        for (const Segment& s : segments)
            for (int i = 0; i < s.count; ++i) sample[s.first + i] = (int)p.sample_of(s.edge + i);
        for (int e = filled; e < TILE; ++e) sample[e] = 0;
        if (p.kernel.family != Family::ROWS) locate();
        at();
        filled = 0;
        segments.clear();
    }
    // Kernel coordinates and windows of the tile's edges; edges that fill it up have no window.
    METHOD void locate() {
        const int dim = p.dim;
        for (int d = 0; d < dim; ++d)
            for (int e = filled; e < TILE; ++e) offset[d][e] = 0;
        for (const Segment& s : segments) {
            const double* q = p.query + s.query * dim;
            for (int e = s.first; e < s.first + s.count; ++e)
                for (int d = 0; d < dim; ++d) offset[d][e] = p.pos[(long)sample[e] * dim + d] - q[d];
        }
        for (int e = 0; e < TILE; ++e) window[e] = e < filled ? (R)1 : (R)0;
        const double limit = 1 + p.tolerance, magic = Lanes<double>::MAGIC;
        for (int d = 0; d < dim; ++d) {
            if (p.causal)
                for (int e = 0; e < TILE; ++e) {
                    const double u = 1 + 2 * offset[d][e];
                    offset[d][e] = offset[d][e] > 0 && u < 1.001 ? 1.001 : u;
                }
            for (int e = 0; e < TILE; ++e) {
                double u = offset[d][e];
                window[e] = std::fabs(u) > limit ? (R)0 : window[e];
                u = u < -1 ? -1 : u;
                u = u > 1 ? 1 : u;
                const double leading = ((u * 1024 + magic) - magic) * (1.0 / 1024);
                tile.u[d][e] = (R)u;
                tile.high[d][e] = (R)leading;
                tile.low[d][e] = (R)(u - leading);
            }
        }
        if (p.precision == nullptr) return;
        for (int e = 0; e < TILE; e += L) {
            Vec<R> q{};
            for (int d = 0; d < dim; ++d) {
                const Vec<R> t = load(tile.u[d] + e) - p.mean[d];
                q += t * t * p.precision[d];
            }
            store(window + e, load(window + e) * power_of_minus<R>(q * (R)1.4426950408889634074));
        }
    }
    // Windowed features [h, 1] m of the tile; h without window where it is asked for.
    void evaluate(R* h, bool keep) {
        if (p.kernel.family == Family::ROWS) {
            for (const Segment& s : segments)
                for (int i = 0; i < s.count; ++i) {
                    const R* row = p.kernel.parameters[0] + p.row_of(s.edge + i) * H;
                    for (int u = 0; u < H; ++u) hm[(long)u * TILE + s.first + i] = row[u];
                }
            for (int u = 0; u < H; ++u)
                for (int e = filled; e < TILE; ++e) hm[(long)u * TILE + e] = 0;
            return;
        }
        R* to = h == nullptr ? hm : h;
        features->forward(tile, to, keep);
        for (int e = 0; e < TILE; e += L) {
            const Vec<R> m = load(window + e);
            for (int u = 0; u < H - 1; ++u) store(hm + (long)u * TILE + e, load(to + (long)u * TILE + e) * m);
            store(hm + (long)(H - 1) * TILE + e, m);
        }
    }
    // z[h, c] (+)= sum over the segment's edges of hm[h, e] x[j_e, c]
    void sum_neighbours(const Segment& s, const Rows<R>& x, R* z) const {
        product<R>(H, (int)x.padded, s.count, {hm + s.first, TILE, 1}, {x.data, x.padded, sample + s.first}, z, x.padded,
                   !s.begins);
    }
};

// Some queries whose sums over neighbours wait for the full table, lest it is read for each of them alone.
constexpr int WAITING = 6;

template <class R> void forward(const Problem<R>& p) {
    constexpr int L = Lanes<R>::N;
    const int H = p.hidden + 1;
    Team team(p.threads);
    const Rows<R> x(p.x, p.samples, p.channels_in, team);
    const Rows<R> table(p.table, p.full ? (long)H * p.channels_in : H, p.channels_out, team);
    const auto starts = groups_of(p.length, 0, p.queries, GROUP_EDGES);
    std::vector<R> moments(p.moments ? (starts.size() - 1) * H * H : 0);
    std::vector<std::unique_ptr<Walk<R>>> walks(team.threads);
    std::vector<Memory> memory(team.threads);
    std::fill(p.y, p.y + p.queries * p.channels_out, (R)0);
    const long Z = H * x.padded;
    team.run((long)starts.size() - 1, [&](long group, int thread) {
        if (!walks[thread]) {
            walks[thread] = std::make_unique<Walk<R>>(p, false);
            memory[thread].template resize<R>((p.full ? WAITING : 1) * Z + WAITING * table.padded);
        }
        Walk<R>& walk = *walks[thread];
        R *sums = memory[thread].template at<R>(0), *rows = sums + (p.full ? WAITING : 1) * Z;
        long queries[WAITING];
        int waiting = 0;
        auto apply_full = [&] {  // y[q, o] = sum of z[q, (h, c)] T[(h, c), o]; padded channels of z are left out
            for (int h = 0; h < H; ++h)
                product<R>(waiting, (int)table.padded, (int)p.channels_in, {sums + h * x.padded, Z, 1},
                           {table.row((long)h * p.channels_in), table.padded}, rows, table.padded, h > 0);
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

// Positions sorted by a number that each has, the order of equal ones kept, and cut where the number changes.
struct Sorted {
    static constexpr int BITS = 13;
    std::vector<int> order, other;
    std::vector<long> cuts;  // parts of `order` that have no number in common
    void sort(long count, long limit, const int* number, long part) {
        order.resize(count);
        other.resize(count);
        for (long i = 0; i < count; ++i) order[i] = (int)i;
        for (int shift = 0; shift == 0 || (limit - 1) >> shift > 0; shift += BITS) {
            int start[(1 << BITS) + 1] = {};
            const int mask = (1 << BITS) - 1;
            for (long i = 0; i < count; ++i) ++start[((number[i] >> shift) & mask) + 1];
            for (int n = 0; n < 1 << BITS; ++n) start[n + 1] += start[n];
            for (long i = 0; i < count; ++i) other[start[(number[order[i]] >> shift) & mask]++] = order[i];
            order.swap(other);
        }
        cuts.assign(1, 0);
        for (long i = part; i < count; i += part) {
            while (i < count && number[order[i]] == number[order[i - 1]]) ++i;
            if (i < count) cuts.push_back(i);
        }
        cuts.push_back(count);
    }
};

// Depthwise: gx[j] += (sum_h hm[e, h] T[h]) g[q] for edges e = order[low .. high), those of a sample one after the other.
template <class R>
void samples_of_edges(int H, R* grad_x, const Rows<R>& table, const Rows<R>& g, const R* kept, int P, const int* order,
                      long low, long high, const int* edge_query, const int* edge_sample) {
    const int width = (int)table.padded, step = 24;
    Memory memory;
    R* kernel = memory.resize<R>((size_t)step * width);
    for (long i = low; i < high; i += step) {
        const int count = (int)std::min<long>(step, high - i);
        product<R>(count, width, H, {kept, P, 1, order + i}, {table.data, width}, kernel, width);
        for (int e = 0; e < count; ++e) {
            const int edge = order[i + e];
            R* to = grad_x + (long)edge_sample[edge] * width;
            const R* gradient = g.row(edge_query[edge]);
            for (int c = 0; c < width; c += Lanes<R>::N)
                store(to + c, load(to + c) + load(kernel + e * width + c) * load(gradient + c));
        }
    }
}

template <class R> void backward(const Problem<R>& p, const Gradients<R>& out) {
    constexpr int L = Lanes<R>::N;
    const int H = p.hidden + 1, P = round_up(H, L);
    const bool rows_given = p.kernel.family == Family::ROWS;
    const bool trains = !rows_given && (out.parameters || out.window || out.pos || out.query);
    const bool features_wanted = trains || (rows_given && out.parameters), moved = out.pos || out.query;
    Team team(p.threads);
    const Rows<R> x(p.x, p.samples, p.channels_in, team), g(out.y, p.queries, p.channels_out, team);
    const Rows<R> table(p.table, p.full ? (long)H * p.channels_in : H, p.channels_out, team);
    const long Z = H * x.padded, G = g.padded;
    // depthwise: the table transposed, [C][P]; full: with its last two axes exchanged, [H][C_out][C_in], rows padded
    Memory turned_memory, moments_memory;
    R* turned = nullptr;
    if (p.full) {
        turned = turned_memory.resize<R>((size_t)H * p.channels_out * x.padded);
        team.run(H, [&](long h, int) {
            for (long o = 0; o < p.channels_out; ++o)
                for (long c = 0; c < x.padded; ++c)
                    turned[(h * p.channels_out + o) * x.padded + c] =
                        c < p.channels_in ? table.row(h * p.channels_in + c)[o] : (R)0;
        });
    } else {
        turned = turned_memory.zeros<R>((size_t)x.padded * P);
        for (long h = 0; h < H; ++h)
            for (long c = 0; c < p.channels_in; ++c) turned[c * P + h] = table.row(h)[c];
    }
    R* moments = nullptr;  // [H][P]
    if (out.moments) {
        moments = moments_memory.zeros<R>((size_t)H * P);
        for (int h = 0; h < H; ++h) std::memcpy(moments + (long)h * P, out.moments + (long)h * H, H * sizeof(R));
    }
    const long table_size = out.table ? (p.full ? Z * G : (long)H * G) : 0;
    const long numbers = trains ? out.parameter_count + 2 * p.dim : 0, partial = round_up(numbers, L);
    const long group_edges = std::min(std::max(table_size / 32, GROUP_EDGES), CHUNK_EDGES / 4);

    const auto chunks = groups_of(p.length, 0, p.queries, CHUNK_EDGES);
    std::vector<double> total(partial + table_size);
    Memory kept_memory, contribution_memory, d_row_memory, moved_memory, partial_memory, numbers_memory;
    std::vector<std::unique_ptr<Walk<R>>> walks(team.threads);
    std::vector<Memory> memory(team.threads);
    Sorted sorted;
    Memory grad_x_memory;
    const bool direct = x.padded == p.channels_in && reinterpret_cast<uintptr_t>(out.x) % VECTOR_BYTES == 0;
    R* grad_x = out.x == nullptr ? nullptr : direct ? out.x : grad_x_memory.resize<R>(p.samples * x.padded);
    if (out.x) std::fill(grad_x, grad_x + p.samples * x.padded, (R)0);
    if (out.pos) std::fill(out.pos, out.pos + p.samples * p.dim, 0.0);
    if (out.query) std::fill(out.query, out.query + p.queries * p.dim, 0.0);
    if (rows_given && out.parameters) std::fill(out.parameters, out.parameters + p.row_count * H, (R)0);

    for (size_t chunk = 0; chunk + 1 < chunks.size(); ++chunk) {
        const long first = chunks[chunk], last = chunks[chunk + 1];
        std::vector<long> place(last - first + 1, 0);  // of each query's edges in the chunk
        for (long q = first; q < last; ++q) place[q - first + 1] = place[q - first] + p.length[q];
        const long edges = place[last - first];
        if (edges == 0) continue;
        R* kept = out.x && !p.full ? kept_memory.resize<R>((size_t)edges * P) : nullptr;
        R* contribution = out.x && p.full ? contribution_memory.resize<R>((size_t)edges * x.padded) : nullptr;
        R* d_rows = rows_given && out.parameters ? d_row_memory.resize<R>((size_t)edges * P) : nullptr;
        R* moves = moved ? moved_memory.resize<R>((size_t)edges * p.dim) : nullptr;
        int* edge_query = numbers_memory.resize<int>((size_t)edges * 3);
        int *edge_sample = edge_query + edges, *edge_row = edge_sample + edges;
        const auto starts = groups_of(p.length, first, last, group_edges);
        const long group_count = (long)starts.size() - 1, group_size = partial + table_size;
        R* partials = partial_memory.resize<R>(std::max<long>(group_count * group_size, 1));

        team.run(group_count, [&](long group, int thread) {
            const int waits = p.full ? WAITING : 1;
            const long turned_size = x.padded * P, dz_size = p.full ? WAITING * Z + P * x.padded : 0;
            if (!walks[thread]) {
                walks[thread] = std::make_unique<Walk<R>>(p, trains);
                memory[thread].template zeros<R>(waits * Z + dz_size + turned_size + WAITING * G + 4 * (size_t)P * TILE +
                                                 (1 + MAX_DIM) * TILE + 2 * MAX_DIM * L);
            }
            Walk<R>& walk = *walks[thread];
            R *sums = memory[thread].template at<R>(0), *dz = sums + waits * Z, *columns = dz + dz_size,
              *gradients = columns + turned_size, *h = gradients + WAITING * G, *d_hm = h + (long)P * TILE,
              *d_h = d_hm + (long)P * TILE, *edge_major = d_h + (long)P * TILE, *d_window = edge_major + (long)P * TILE,
              *du = d_window + TILE, *window_sums = du + MAX_DIM * TILE;
            std::fill(window_sums, window_sums + 2 * MAX_DIM * L, (R)0);
            R *to_numbers = partials + group * group_size, *to_table = to_numbers + partial;
            std::fill(to_numbers, to_numbers + group_size, (R)0);
            int waiting = 0;
            long prepared = starts[group], from = starts[group];  // queries from .. prepared have their dz
            const R* query_dz = nullptr;
            auto apply_full = [&] {  // dT[(h, c), o] += sum over queries of z[q, (h, c)] g[q, o]
                product<R>((int)Z, (int)G, waiting, {sums, 1, Z}, {gradients, G}, to_table, G, true);
                waiting = 0;
            };
            // dz[h, c] = sum over o of T[h, c, o] g[q, o] for some queries at a time
            auto prepare = [&](long q) {
                if (q >= prepared) {
                    from = q;
                    prepared = std::min(q + WAITING, starts[group + 1]);
                    for (int u = 0; u < H; ++u)
                        product<R>((int)(prepared - from), (int)x.padded, (int)p.channels_out, {g.row(from), G, 1},
                                   {turned + (long)u * p.channels_out * x.padded, x.padded}, dz + u * x.padded, Z);
                }
                query_dz = dz + (q - from) * Z;
            };
            walk.tiles(starts[group], starts[group + 1], [&] {
                walk.evaluate(rows_given ? nullptr : h, trains);
                const long at = place[walk.segments[0].query - first] +
                                (walk.segments[0].edge - p.start[walk.segments[0].query]);  // of the tile's first edge
                for (const Segment& s : walk.segments) {
                    const R* gradient = g.row(s.query);
                    for (int e = s.first; e < s.first + s.count; ++e) {
                        edge_query[at + e] = (int)s.query;
                        edge_sample[at + e] = walk.sample[e];
                    }
                    if (p.full && (features_wanted || out.x)) prepare(s.query);
                    if (out.table) {
                        R* z = sums + (p.full ? waiting * Z : 0);
                        walk.sum_neighbours(s, x, z);
                        if (s.ends && p.full) {
                            std::memcpy(gradients + waiting * G, gradient, G * sizeof(R));
                            if (++waiting == WAITING) apply_full();
                        } else if (s.ends)
                            for (int u = 0; u < H; ++u)
                                for (long c = 0; c < G; c += L) {
                                    R* to = to_table + u * G + c;
                                    store(to, load(to) + load(z + u * x.padded + c) * load(gradient + c));
                                }
                    }
                    if (features_wanted) {  // d_hm[e, h] = sum over c of x[j_e, c] dz[h, c]
                        if (p.full && s.begins)
                            transpose<R>(query_dz, x.padded, P, (int)x.padded, columns, P);
                        else if (s.begins)
                            for (long c = 0; c < p.channels_in; ++c)
                                for (int u = 0; u < P; u += L)
                                    store(columns + c * P + u, load(turned + c * P + u) * gradient[c]);
                        product<R>(s.count, P, (int)p.channels_in, {x.data, x.padded, 1, walk.sample + s.first},
                                   {columns, P}, edge_major + (long)s.first * P, P);
                    }
                    if (out.x && p.full)
                        product<R>(s.count, (int)x.padded, H, {walk.hm + s.first, 1, TILE}, {query_dz, x.padded},
                                   contribution + (at + s.first) * x.padded, x.padded);
                }
                if (kept != nullptr) {
                    if (walk.filled == TILE)
                        transpose<R>(walk.hm, TILE, P, TILE, kept + at * P, P);
                    else {
                        transpose<R>(walk.hm, TILE, P, TILE, d_hm, P);
                        std::memcpy(kept + at * P, d_hm, (size_t)walk.filled * P * sizeof(R));
                    }
                }
                if (!features_wanted) return;
                std::fill(edge_major + (long)walk.filled * P, edge_major + (long)TILE * P, (R)0);
                if (moments) product<R>(walk.filled, P, H, {walk.hm, 1, TILE}, {moments, P}, edge_major, P, true);
                if (rows_given) {
                    std::memcpy(d_rows + at * P, edge_major, (size_t)walk.filled * P * sizeof(R));
                    for (const Segment& s : walk.segments)
                        for (int i = 0; i < s.count; ++i) edge_row[at + s.first + i] = (int)p.row_of(s.edge + i);
                    return;
                }
                transpose<R>(edge_major, P, TILE, P, d_hm, TILE);
                for (int e = 0; e < TILE; e += L) {
                    const Vec<R> m = load(walk.window + e);
                    Vec<R> dm = load(d_hm + (long)(H - 1) * TILE + e);
                    for (int u = 0; u < H - 1; ++u) {
                        const Vec<R> d = load(d_hm + (long)u * TILE + e);
                        dm += d * load(h + (long)u * TILE + e);
                        store(d_h + (long)u * TILE + e, d * m);
                    }
                    store(d_window + e, dm * m);
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
                    for (const Segment& s : walk.segments)
                        for (int e = s.first; e < s.first + s.count; ++e)
                            for (int d = 0; d < p.dim; ++d) {
                                const R move = du[d * TILE + e] * (R)(p.causal ? 2 : 1);
                                moves[(at + e) * p.dim + d] = move;
                                if (out.query) out.query[s.query * p.dim + d] -= move;
                            }
            });
            if (waiting) apply_full();
            if (trains) {
                walk.features->reduce(to_numbers);
                for (int d = 0; d < p.dim; ++d) {
                    to_numbers[out.parameter_count + d] += sum<R>(load(window_sums + d * L));
                    to_numbers[out.parameter_count + p.dim + d] += sum<R>(load(window_sums + (MAX_DIM + d) * L));
                }
            }
        });

        const long slice = 8192;
        team.run((group_size + slice - 1) / slice, [&](long part, int) {  // groups in their order, whoever worked on them
            for (long group = 0; group < group_count; ++group) {
                const R* from = partials + group * group_size;
                for (long i = part * slice; i < std::min(group_size, (part + 1) * slice); ++i) total[i] += from[i];
            }
        });
        if (out.x || out.pos) {  // the edges of each sample, one after the other
            sorted.sort(edges, p.samples, edge_sample, 2048);
            team.run((long)sorted.cuts.size() - 1, [&](long part, int) {
                const long low = sorted.cuts[part], high = sorted.cuts[part + 1];
                const int* order = sorted.order.data();
                if (out.pos)
                    for (long i = low; i < high; ++i)
                        for (int d = 0; d < p.dim; ++d)
                            out.pos[(long)edge_sample[order[i]] * p.dim + d] += moves[(long)order[i] * p.dim + d];
                if (kept != nullptr)
                    samples_of_edges(H, grad_x, table, g, kept, P, order, low, high, edge_query, edge_sample);
                if (contribution != nullptr)
                    for (long i = low; i < high; ++i) {
                        R* to = grad_x + (long)edge_sample[order[i]] * x.padded;
                        const R* from = contribution + (long)order[i] * x.padded;
                        for (long c = 0; c < x.padded; c += L) store(to + c, load(to + c) + load(from + c));
                    }
            });
        }
        if (d_rows != nullptr) {
            sorted.sort(edges, p.row_count, edge_row, 2048);
            team.run((long)sorted.cuts.size() - 1, [&](long part, int) {
                for (long i = sorted.cuts[part]; i < sorted.cuts[part + 1]; ++i) {
                    R* to = out.parameters + (long)edge_row[sorted.order[i]] * H;
                    const R* from = d_rows + (long)sorted.order[i] * P;
                    for (int u = 0; u < H; ++u) to[u] += from[u];
                }
            });
        }
    }
    if (trains && out.parameters)
        for (long i = 0; i < out.parameter_count; ++i) out.parameters[i] = (R)total[i];
    if (trains && out.window)
        for (int i = 0; i < 2 * p.dim; ++i) out.window[i] = (R)total[out.parameter_count + i];
    if (out.x && !direct)
        for (long j = 0; j < p.samples; ++j)
            std::memcpy(out.x + j * p.channels_in, grad_x + j * x.padded, p.channels_in * sizeof(R));
    if (out.table)
        for (long h = 0; h < H; ++h)
            for (long c = 0; c < (p.full ? p.channels_in : 1); ++c)
                for (long o = 0; o < p.channels_out; ++o)
                    out.table[(p.full ? h * p.channels_in + c : h) * p.channels_out + o] =
                        (R)total[partial + (p.full ? h * x.padded + c : h) * G + o];
}
