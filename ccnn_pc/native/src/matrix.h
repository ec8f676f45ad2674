// Small matrix products whose operands lie in cache. Included inside of an instruction set's namespace.

// Rows of vector registers that a product keeps: 24 sums where there are 32 registers, 12 where there are 16.
constexpr int ROWS = 6;
constexpr int COLUMNS = VECTOR_BYTES == 64 ? 4 : 2;

template <class R, int M, int N, class Row, class Done>
INLINE void product_block(int depth, const R* a, long down, long along, Row row, long column, Done done) {
    Vec<R> total[M][N];
    for (int m = 0; m < M; ++m)
        for (int n = 0; n < N; ++n) total[m][n] = Vec<R>{};
    for (int k = 0; k < depth; ++k) {
        const R* b = row(k) + column;
        Vec<R> right[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) right[n] = load<R>(b + n * Lanes<R>::N);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) {
            const R left = a[m * down + k * along];
#pragma GCC unroll 8
            for (int n = 0; n < N; ++n) total[m][n] += left * right[n];
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) done(m, n, total[m][n]);
}

// For each of `rows` x `vectors`: store(row, first column, sum over k of a[row, k] b[k, columns]).
template <class R, int N, class Row, class Done>
INLINE void product_columns(int rows, int depth, const R* a, long down, long along, Row row, long column, Done store) {
    int m = 0;
    auto part = [&](int first) {
        return [=, &store](int i, int n, Vec<R> v) { store(first + i, column + n * Lanes<R>::N, v); };
    };
    for (; m + ROWS <= rows; m += ROWS)
        product_block<R, ROWS, N>(depth, a + m * down, down, along, row, column, part(m));
    for (; m + 3 <= rows; m += 3) product_block<R, 3, N>(depth, a + m * down, down, along, row, column, part(m));
    for (; m < rows; ++m) product_block<R, 1, N>(depth, a + m * down, down, along, row, column, part(m));
}
template <class R, class Row, class Done>
INLINE void product(int rows, int columns, int depth, const R* a, long down, long along, Row row, Done store) {
    constexpr int L = Lanes<R>::N;
    int c = 0;
    for (; c + COLUMNS * L <= columns; c += COLUMNS * L)
        product_columns<R, COLUMNS>(rows, depth, a, down, along, row, c, store);
    for (; c < columns; c += L) product_columns<R, 1>(rows, depth, a, down, along, row, c, store);
}

// out[c, r] = in[r, c] for one block of lanes x lanes.
template <class R, class In, class Out> INLINE void transpose_block(In in, Out out) {
    constexpr int L = Lanes<R>::N;
    Vec<R> rows[L];
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) rows[i] = load<R>(in(i));
    // exchange halves, quarters, ... : after each round blocks of `size` are in place
#pragma GCC unroll 8
    for (int size = 1; size < L; size *= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) {
            if (i & size) continue;
            const Vec<R> a = rows[i], b = rows[i | size];
            Int<R> low, high;
#pragma GCC unroll 16
            for (int j = 0; j < L; ++j) {
                low[j] = (j & size) ? (j ^ size) + L : j;
                high[j] = (j & size) ? j + L : (j | size);
            }
            rows[i] = __builtin_shuffle(a, b, low);
            rows[i | size] = __builtin_shuffle(a, b, high);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) store<R>(out(i), rows[i]);
}
