// Features of kernels at a tile of coordinates, and the gradients of their parameters. Units are rows, edges columns.
// Included inside of an instruction set's namespace.

constexpr double TURN = 6.283185307179586476925;

template <class R> struct Tile {
    alignas(64) R u[MAX_DIM][TILE];     // kernel coordinates
    alignas(64) R high[MAX_DIM][TILE];  // their multiple of 2^-10, and what is left: see Phases
    alignas(64) R low[MAX_DIM][TILE];
};

// Memory of one thread, cut into arrays.
template <class R> struct Scratch {
    std::vector<Memory> arrays;
    R* take(size_t count) {
        arrays.emplace_back().template resize<R>(count);
        return arrays.back().template at<R>(0);
    }
};

template <class R> struct Features {
    virtual ~Features() = default;
    // Features h [H][TILE]; `keep` also what backward needs.
    virtual void forward(const Tile<R>& tile, R* h, bool keep) = 0;
    // From dh [H][TILE], after a forward that kept: sums of the parameters' gradients, and du [D][TILE] where it is not null.
    virtual void backward(const Tile<R>& tile, const R* dh, R* du) = 0;
    // Adds the sums to the gradients and starts anew.
    virtual void reduce(R* gradients) = 0;
};

// Sums over edges, each in as many parts as a vector has lanes.
template <class R> struct Sums {
    static constexpr int L = Lanes<R>::N;
    Memory memory;
    R* parts = nullptr;
    size_t count = 0;
    void make(size_t wanted) { parts = memory.zeros<R>((count = wanted) * L); }
    void add(size_t i, Vec<R> v) { store(parts + i * L, load(parts + i * L) + v); }
    R total(size_t i) const { return sum<R>(load(parts + i * L)); }
    void clear() { std::fill(parts, parts + count * L, (R)0); }
};

// Phases W u + b in turns, less a quarter and less whole turns, exact to a few 1e-8 of a turn whatever W: in float both
// factors are split so that the leading products and their sums are exact.
template <class R> struct Phases {
    int count, dim;
    std::vector<R> weight, high, low, bias;
    Phases(int count, int dim, const R* w, const R* b) : count(count), dim(dim) {
        double reach = 1;
        for (int f = 0; f < count; ++f) {
            double sum = 1;
            for (int d = 0; d < dim; ++d) sum += std::fabs((double)w[f * dim + d]) / TURN;
            reach = std::max(reach, sum);
        }
        const double step = std::exp2(std::ceil(std::log2(reach)) - 13);  // of the leading part of W / 2 pi
        for (int i = 0; i < count * dim; ++i) {
            const double value = (double)w[i] / TURN, leading = std::nearbyint(value / step) * step;
            weight.push_back((R)value);
            high.push_back((R)leading);
            low.push_back((R)(value - leading));
        }
        for (int f = 0; f < count; ++f) {
            const double turns = (double)b[f] / TURN - 0.25;
            bias.push_back((R)(turns - std::nearbyint(turns)));
        }
    }
    template <int D> METHOD Vec<R> at(const Tile<R>& tile, int f, int e) const {
        Vec<R> leading{}, rest = all<R>(bias[f]);
        if constexpr (sizeof(R) == 4) {
            for (int d = 0; d < D; ++d) {
                const Vec<R> h = load(tile.high[d] + e);
                leading += high[f * D + d] * h;
                rest += low[f * D + d] * h;
                rest += weight[f * D + d] * load(tile.low[d] + e);
            }
        } else {
            for (int d = 0; d < D; ++d) leading += weight[f * D + d] * load(tile.u[d] + e);
        }
        const Vec<R> turns = leading + rest;
        return (leading - nearest<R>(turns)) + rest;
    }
};

// out[h, e] = act(h, e, sum_k A[h, k] z[k, e] + a[h])
template <class R, class Act> INLINE void mix(int units, int depth, const R* A, const R* a, const R* z, R* out, Act act) {
    product<R>(units, TILE, depth, {A, depth, 1}, {z, TILE}, out, TILE);
    for (int h = 0; h < units; ++h)
        for (int e = 0; e < TILE; e += Lanes<R>::N) {
            const long at = (long)h * TILE + e;
            act(at, load(out + at) + a[h]);
        }
}

// Sums over edges of the gradient of a linear layer, dA += d z^T and da += d 1^T, and of its input: dz = A^T d. Layers
// narrower than a vector are summed lane by lane: rows of their products would be mostly padding.
template <class R> struct LinearGradient {
    static constexpr int L = Lanes<R>::N;
    int units, depth, padded;
    bool narrow;
    Memory memory;
    R* dA;
    Sums<R> lanes, da;
    LinearGradient(int units, int depth)
        : units(units), depth(depth), padded(round_up(depth, L)), narrow(depth < L), dA(nullptr) {
        if (narrow)
            lanes.make((size_t)units * depth);
        else
            dA = memory.zeros<R>((size_t)units * padded);
        da.make(units);
    }
    void add(const R* d, const R* z, R* transposed) {
        for (int h = 0; h < units; ++h) {
            Vec<R> left[TILE / L], total{};
            for (int i = 0; i < TILE / L; ++i) total += left[i] = load(d + (long)h * TILE + i * L);
            da.add(h, total);
            if (narrow)
                for (int k = 0; k < depth; ++k) {
                    Vec<R> product{};
                    for (int i = 0; i < TILE / L; ++i) product += left[i] * load(z + (long)k * TILE + i * L);
                    lanes.add((size_t)h * depth + k, product);
                }
        }
        if (narrow) return;
        for (int k = 0; k < padded; k += L)
            for (int e = 0; e < TILE; e += L)
                transpose_block<R>([&](int i) { return z + (long)std::min(k + i, depth - 1) * TILE + e; },
                                   [&](int i) { return transposed + (long)(e + i) * padded + k; });
        product<R>(units, padded, TILE, {d, TILE, 1}, {transposed, padded}, dA, padded, true);
    }
    void input(const R* A, const R* d, R* dz) const {
        product<R>(depth, TILE, units, {A, 1, depth}, {d, TILE}, dz, TILE);
    }
    R* reduce(R* weight) {
        for (int h = 0; h < units; ++h)
            for (int k = 0; k < depth; ++k)
                *weight++ += narrow ? lanes.total((size_t)h * depth + k) : dA[(size_t)h * padded + k];
        for (int h = 0; h < units; ++h) *weight++ += da.total(h);
        if (narrow)
            lanes.clear();
        else
            std::fill(dA, dA + (size_t)units * padded, (R)0);
        da.clear();
        return weight;
    }
};

// Products of filters g_l(u) = exp(-1/2 sum_d [gamma (u - mu)]^2) sin(W u + b): z_l = g_l (A_l z_(l-1) + a_l).
// Parameters, and gradients in this order: W [F][D], b [F], gamma [F][D], mu [F][D] (both absent without an envelope),
// A_l [H][H] and a_l [H] layer by layer; F = (L + 1) H.
template <class R, int D, bool ENVELOPE> struct Multiplicative final : Features<R> {
    static constexpr int L = Lanes<R>::N, SUMS = D + 1 + (ENVELOPE ? 2 * D + 1 : 0);
    int hidden, layers, filters;
    const R *w, *b, *gamma, *mu, *mixing;
    Phases<R> phases;
    std::vector<R> slope, shift;  // t = slope u - shift, envelope 2^-(t . t)
    std::vector<LinearGradient<R>> linear;
    Sums<R> sums;  // [F][SUMS]
    R *value, *derivative, *mixed, *z, *d_value, *d_mixed, *transposed;
    size_t offset_of(int layer) const { return (size_t)layer * hidden * (hidden + 1); }

    Multiplicative(const Description<R>& k, Scratch<R>& scratch, bool trains)
        : hidden(k.hidden), layers(k.layers), filters((k.layers + 1) * k.hidden), w(k.parameters[0]), b(k.parameters[1]),
          gamma(k.parameters[2]), mu(k.parameters[3]), mixing(k.parameters[4]), phases(filters, D, w, b) {
        if constexpr (ENVELOPE)
            for (int i = 0; i < filters * D; ++i) {
                slope.push_back((R)((double)gamma[i] * 0.84932180028801904272));  // sqrt(log2(e) / 2)
                shift.push_back((R)((double)gamma[i] * 0.84932180028801904272 * (double)mu[i]));
            }
        const size_t plane = (size_t)hidden * TILE;
        value = scratch.take((layers + 1) * plane);
        z = scratch.take((layers + 1) * plane);
        derivative = mixed = d_value = d_mixed = transposed = nullptr;
        if (trains) {
            derivative = scratch.take((layers + 1) * plane);
            mixed = scratch.take(layers * plane);
            d_value = scratch.take((layers + 1) * plane);
            d_mixed = scratch.take(plane);
            transposed = scratch.take((size_t)TILE * round_up(hidden, L));
            sums.make((size_t)filters * SUMS);
            for (int l = 0; l < layers; ++l) linear.emplace_back(hidden, hidden);
        }
    }
    template <bool KEEP> METHOD void filter(const Tile<R>& tile, int layer) {
        for (int f = layer * hidden; f < (layer + 1) * hidden; ++f)
            for (int e = 0; e < TILE; e += L) {
                const Vec<R> phase = phases.template at<D>(tile, f, e);
                Vec<R> envelope = all<R>(1);
                if constexpr (ENVELOPE) {
                    Vec<R> q{};
                    for (int d = 0; d < D; ++d) {
                        const Vec<R> t = slope[f * D + d] * load(tile.u[d] + e) - shift[f * D + d];
                        q += t * t;
                    }
                    envelope = power_of_minus<R>(q);
                }
                const long at = (long)f * TILE + e;
                store(value + at, envelope * sine<R>(phase));
                if constexpr (KEEP) store(derivative + at, envelope * cosine<R>(phase));
            }
    }
    template <bool KEEP> METHOD void run(const Tile<R>& tile, R* h) {
        const size_t plane = (size_t)hidden * TILE;
        filter<KEEP>(tile, 0);
        const R* previous = value;
        for (int l = 1; l <= layers; ++l) {
            filter<KEEP>(tile, l);
            const R *A = mixing + offset_of(l - 1), *g = value + l * plane;
            R *out = l == layers ? h : z + l * plane, *kept = KEEP ? mixed + (l - 1) * plane : out;
            mix<R>(hidden, hidden, A, A + hidden * hidden, previous, kept, [&](long at, Vec<R> v) {
                if constexpr (KEEP) store(kept + at, v);
                store(out + at, v * load(g + at));
            });
            previous = out;
        }
    }
    void forward(const Tile<R>& tile, R* h, bool keep) override { keep ? run<true>(tile, h) : run<false>(tile, h); }
    void backward(const Tile<R>& tile, const R* dh, R* du) override {
        const size_t plane = (size_t)hidden * TILE;
        const R* dz = dh;
        for (int l = layers; l >= 1; --l) {
            const R *g = value + l * plane, *m = mixed + (l - 1) * plane;
            for (size_t i = 0; i < plane; i += L) {
                const Vec<R> d = load(dz + i);
                store(d_value + l * plane + i, d * load(m + i));
                store(d_mixed + i, d * load(g + i));
            }
            linear[l - 1].add(d_mixed, l == 1 ? value : z + (l - 1) * plane, transposed);
            linear[l - 1].input(mixing + offset_of(l - 1), d_mixed, d_value);  // overwritten layer by layer, last for l = 0
            dz = d_value;
        }
        for (int f = 0; f < filters; ++f) {
            Vec<R> total[SUMS] = {};
            for (int e = 0; e < TILE; e += L) {
                const long at = (long)f * TILE + e;
                const Vec<R> d = load(d_value + at), phase = d * load(derivative + at);
                Vec<R> u[D];
                for (int i = 0; i < D; ++i) u[i] = load(tile.u[i] + e);
                for (int i = 0; i < D; ++i) total[i] += phase * u[i];
                total[D] += phase;
                Vec<R> q{};
                if constexpr (ENVELOPE) {
                    q = d * load(value + at);
                    for (int i = 0; i < D; ++i) {
                        const Vec<R> first = q * u[i];
                        total[D + 1 + i] += first * u[i];
                        total[2 * D + 1 + i] += first;
                    }
                    total[3 * D + 1] += q;
                }
                if (du != nullptr)
                    for (int i = 0; i < D; ++i) {
                        Vec<R> part = w[f * D + i] * phase;
                        if constexpr (ENVELOPE) {
                            const R square = gamma[f * D + i] * gamma[f * D + i];
                            part -= square * q * (u[i] - mu[f * D + i]);
                        }
                        store(du + i * TILE + e, load(du + i * TILE + e) + part);
                    }
            }
            for (int s = 0; s < SUMS; ++s) sums.add((size_t)f * SUMS + s, total[s]);
        }
    }
    void reduce(R* out) override {
        R *dw = out, *db = dw + filters * D, *dgamma = db + filters, *dmu = dgamma + filters * D;
        for (int f = 0; f < filters; ++f) {
            R s[SUMS];
            for (int i = 0; i < SUMS; ++i) s[i] = sums.total((size_t)f * SUMS + i);
            for (int i = 0; i < D; ++i) dw[f * D + i] += s[i];
            db[f] += s[D];
            if constexpr (ENVELOPE)
                for (int i = 0; i < D; ++i) {
                    const R g = gamma[f * D + i], m = mu[f * D + i];
                    const R second = s[D + 1 + i], first = s[2 * D + 1 + i], zeroth = s[3 * D + 1];
                    dgamma[f * D + i] -= g * (second - 2 * m * first + m * m * zeroth);
                    dmu[f * D + i] += g * g * (first - m * zeroth);
                }
        }
        R* next = ENVELOPE ? dmu + filters * D : dgamma;
        for (auto& layer : linear) next = layer.reduce(next);
        sums.clear();
    }
};

// Perceptrons on sines: h = sin(W u + b), or [cos, sin] of half as many phases; then layers h = act(A h + a), act a sine
// or the positive part. Parameters and gradients: W [P][D], b [P], then A_l [H][H] and a_l [H] layer by layer.
template <class R, int D, bool PAIRS, bool SINES> struct Perceptron final : Features<R> {
    static constexpr int L = Lanes<R>::N;
    int hidden, layers, count;
    const R *w, *mixing;
    Phases<R> phases;
    std::vector<R> turns;  // A and a in turns
    std::vector<LinearGradient<R>> linear;
    Sums<R> sums;  // [P][D + 1]
    R *z, *slope, *first_slope, *d, *dz, *transposed;
    size_t offset_of(int layer) const { return (size_t)layer * hidden * (hidden + 1); }

    Perceptron(const Description<R>& k, Scratch<R>& scratch, bool trains)
        : hidden(k.hidden), layers(k.layers), count(PAIRS ? k.hidden / 2 : k.hidden), w(k.parameters[0]),
          mixing(k.parameters[4]), phases(count, D, w, k.parameters[1]) {
        if constexpr (SINES)
            for (int l = 0; l < layers; ++l)
                for (int i = 0; i < hidden * (hidden + 1); ++i) {
                    const bool bias = i >= hidden * hidden;
                    turns.push_back((R)((double)mixing[offset_of(l) + i] / TURN - (bias ? 0.25 : 0)));
                }
        const size_t plane = (size_t)hidden * TILE;
        z = scratch.take((layers + 1) * plane);
        slope = first_slope = d = dz = transposed = nullptr;
        if (trains) {
            slope = scratch.take((layers + 1) * plane);
            d = scratch.take(plane);
            dz = scratch.take(plane);
            transposed = scratch.take((size_t)TILE * round_up(hidden, L));
            sums.make((size_t)count * (D + 1));
            for (int l = 0; l < layers; ++l) linear.emplace_back(hidden, hidden);
        }
    }
    template <bool KEEP> METHOD void run(const Tile<R>& tile, R* h) {
        const size_t plane = (size_t)hidden * TILE;
        R* first = layers == 0 ? h : z;
        for (int f = 0; f < count; ++f)
            for (int e = 0; e < TILE; e += L) {
                const Vec<R> phase = phases.template at<D>(tile, f, e), s = sine<R>(phase);
                const long at = (long)f * TILE + e;
                if constexpr (PAIRS) {
                    const Vec<R> c = cosine<R>(phase);
                    store(first + at, c);
                    store(first + at + (long)count * TILE, s);
                    if constexpr (KEEP) {
                        store(slope + at, -s);
                        store(slope + at + (long)count * TILE, c);
                    }
                } else {
                    store(first + at, s);
                    if constexpr (KEEP) store(slope + at, cosine<R>(phase));
                }
            }
        for (int l = 1; l <= layers; ++l) {
            const R* A = (SINES ? turns.data() : mixing) + offset_of(l - 1);
            R *out = l == layers ? h : z + l * plane, *kept = KEEP ? slope + l * plane : nullptr;
            mix<R>(hidden, hidden, A, A + hidden * hidden, z + (l - 1) * plane, out, [&](long at, Vec<R> v) {
                if constexpr (SINES) {
                    const Vec<R> phase = v - nearest<R>(v);
                    store(out + at, sine<R>(phase));
                    if constexpr (KEEP) store(kept + at, cosine<R>(phase));
                } else {
                    store(out + at, larger<R>(v, Vec<R>{}));
                    if constexpr (KEEP) store(kept + at, v > 0 ? all<R>(1) : Vec<R>{});
                }
            });
        }
    }
    void forward(const Tile<R>& tile, R* h, bool keep) override { keep ? run<true>(tile, h) : run<false>(tile, h); }
    void backward(const Tile<R>& tile, const R* dh, R* du) override {
        const size_t plane = (size_t)hidden * TILE;
        const R* incoming = dh;
        for (int l = layers; l >= 0; --l) {
            for (size_t i = 0; i < plane; i += L) store(d + i, load(incoming + i) * load(slope + l * plane + i));
            if (l == 0) break;
            linear[l - 1].add(d, z + (l - 1) * plane, transposed);
            linear[l - 1].input(mixing + offset_of(l - 1), d, dz);
            incoming = dz;
        }
        for (int f = 0; f < count; ++f) {
            Vec<R> total[D + 1] = {};
            for (int e = 0; e < TILE; e += L) {
                const long at = (long)f * TILE + e;
                Vec<R> phase = load(d + at);
                if constexpr (PAIRS) phase += load(d + at + (long)count * TILE);
                for (int i = 0; i < D; ++i) total[i] += phase * load(tile.u[i] + e);
                total[D] += phase;
                if (du != nullptr)
                    for (int i = 0; i < D; ++i)
                        store(du + i * TILE + e, load(du + i * TILE + e) + w[f * D + i] * phase);
            }
            for (int s = 0; s <= D; ++s) sums.add((size_t)f * (D + 1) + s, total[s]);
        }
    }
    void reduce(R* out) override {
        for (int f = 0; f < count; ++f)
            for (int s = 0; s <= D; ++s)
                (s < D ? out[f * D + s] : out[count * D + f]) += sums.total((size_t)f * (D + 1) + s);
        R* next = out + (size_t)count * (D + 1);
        for (auto& layer : linear) next = layer.reduce(next);
        sums.clear();
    }
};

// Tents max(0, 1 - |c_p - u|_1 s_p) with places c [P][D] and steepness s [P], the parameters and gradients in this order.
template <class R, int D> struct Tents final : Features<R> {
    static constexpr int L = Lanes<R>::N;
    int hidden;
    const R *place, *steepness;
    Sums<R> sums;  // [P][D + 1]
    Tents(const Description<R>& k, Scratch<R>&, bool trains)
        : hidden(k.hidden), place(k.parameters[0]), steepness(k.parameters[1]) {
        if (trains) sums.make((size_t)hidden * (D + 1));
    }
    void forward(const Tile<R>& tile, R* h, bool) override {
        for (int p = 0; p < hidden; ++p)
            for (int e = 0; e < TILE; e += L) {
                Vec<R> distance{};
                for (int i = 0; i < D; ++i) distance += magnitude<R>(load(tile.u[i] + e) - place[p * D + i]);
                store(h + (long)p * TILE + e, larger<R>((R)1 - distance * steepness[p], Vec<R>{}));
            }
    }
    void backward(const Tile<R>& tile, const R* dh, R* du) override {
        for (int p = 0; p < hidden; ++p) {
            Vec<R> total[D + 1] = {};
            for (int e = 0; e < TILE; e += L) {
                Vec<R> distance{}, side[D];
                for (int i = 0; i < D; ++i) {
                    const Vec<R> offset = load(tile.u[i] + e) - place[p * D + i];
                    distance += magnitude<R>(offset);
                    side[i] = offset > 0 ? all<R>(1) : offset < 0 ? all<R>(-1) : Vec<R>{};
                }
                const Vec<R> d = distance * steepness[p] < 1 ? load(dh + (long)p * TILE + e) : Vec<R>{};
                for (int i = 0; i < D; ++i) {
                    const Vec<R> slope = steepness[p] * d * side[i];
                    total[i] += slope;
                    if (du != nullptr) store(du + i * TILE + e, load(du + i * TILE + e) - slope);
                }
                total[D] -= distance * d;
            }
            for (int s = 0; s <= D; ++s) sums.add((size_t)p * (D + 1) + s, total[s]);
        }
    }
    void reduce(R* out) override {
        for (int p = 0; p < hidden; ++p)
            for (int s = 0; s <= D; ++s)
                (s < D ? out[p * D + s] : out[hidden * D + p]) += sums.total((size_t)p * (D + 1) + s);
        sums.clear();
    }
};

template <class R, int D> std::unique_ptr<Features<R>> features_on(const Description<R>& k, Scratch<R>& s, bool trains) {
    switch (k.family) {
    case Family::GABOR: return std::make_unique<Multiplicative<R, D, true>>(k, s, trains);
    case Family::FOURIER: return std::make_unique<Multiplicative<R, D, false>>(k, s, trains);
    case Family::SIREN: return std::make_unique<Perceptron<R, D, false, true>>(k, s, trains);
    case Family::RANDOM_FOURIER: return std::make_unique<Perceptron<R, D, true, false>>(k, s, trains);
    case Family::TENTS: return std::make_unique<Tents<R, D>>(k, s, trains);
    default: return nullptr;
    }
}
template <class R> std::unique_ptr<Features<R>> features_of(const Description<R>& k, int dim, Scratch<R>& s, bool trains) {
    switch (dim) {
    case 1: return features_on<R, 1>(k, s, trains);
    case 2: return features_on<R, 2>(k, s, trains);
    default: return features_on<R, 3>(k, s, trains);
    }
}
