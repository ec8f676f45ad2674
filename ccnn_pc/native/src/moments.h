// Moments of the values of items, in float64 about the mean: constants have no deviation, however large they are.
constexpr int BLOCK = 256, LANES = 8, NUMBERS = 14;

// One number per lane: what a loop over values adds up, or compares, in vectors.
struct PerLane {
    double of[LANES];
    explicit PerLane(double value) { std::fill(of, of + LANES, value); }
    double sum() const { return std::accumulate(of, of + LANES, 0.0); }
};

// work(value, value before, lane) of every value of a block; of the rows past the last whole vector in the first lane.
template <class Work> INLINE void each(const double* values, int count, Work work) {
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; ++lane) work(values[i + lane], values[i + lane - 1], lane);
    for (; i < count; ++i) work(values[i], values[i - 1], 0);
}

// work(values, count) for each block of what was observed; values[-1] is the one before, of the first itself.
template <class R, class Work> INLINE void observed_blocks(const Moments<R>& p, int64_t channel, int64_t item, Work work) {
    double room[BLOCK + 1];
    double* const values = room + 1;
    const int64_t step = p.row_stride, end = p.first[item + 1];
    const R* x = p.x + channel * p.channel_stride;
    const uint8_t* observed = p.observed ? p.observed + channel * p.observed_channel_stride : nullptr;
    bool first = true;
    for (int64_t row = p.first[item]; row < end;) {
        int count = 0;
        if (observed) {
            for (; row < end && count < BLOCK; ++row)
                if (observed[row * p.observed_row_stride]) values[count++] = (double)x[row * step];
        } else {
            count = (int)std::min<int64_t>(BLOCK, end - row);
            const R* from = x + row * step;
            if (step == 1)
                for (int i = 0; i < count; ++i) values[i] = (double)from[i];
            else
                for (int i = 0; i < count; ++i) values[i] = (double)from[i * step];
            row += count;
        }
        if (!count) break;
        if (first) values[-1] = values[0];
        first = false;
        work(values, count);
        values[-1] = values[count - 1];
    }
}

template <class R> INLINE void moments_of(const Moments<R>& p, int64_t channel, int64_t item, double* out, int64_t distance) {
    constexpr double infinity = std::numeric_limits<double>::infinity(), none = std::numeric_limits<double>::quiet_NaN();
    double origin = 0;
    int64_t count = 0;
    PerLane offset(0), low(infinity), high(-infinity);
    observed_blocks(p, channel, item, [&](const double* values, int rows) {
        if (!count) origin = values[0];
        count += rows;
        each(values, rows, [&](double value, double, int lane) {
            offset.of[lane] += value - origin;
            low.of[lane] = value < low.of[lane] ? value : low.of[lane];
            high.of[lane] = value > high.of[lane] ? value : high.of[lane];
        });
    });
    const double mean = origin + offset.sum() / (double)count;
    double last = origin;
    PerLane square(0), cube(0), step_square(0), step_cube(0), step_most(0), same(0), wrong(0);
    observed_blocks(p, channel, item, [&](const double* values, int rows) {
        last = values[rows - 1];
        each(values, rows, [&](double value, double before, int lane) {
            const double off = value - mean, next = value - before;
            square.of[lane] += off * off;
            cube.of[lane] += off * off * off;
            step_square.of[lane] += next * next;
            step_cube.of[lane] += next * next * next;
            step_most.of[lane] = next > step_most.of[lane] ? next : step_most.of[lane];
            same.of[lane] += next == 0 ? 1.0 : 0.0;
            wrong.of[lane] += value == value ? 0.0 : 1.0;
        });
    });
    const auto most = [](const PerLane& each) { return *std::max_element(each.of, each.of + LANES); };
    const auto skewness = [](double third, double second) { return third / (second * std::sqrt(second)); };
    const double variance = square.sum() / (double)count, steps = (double)std::max<int64_t>(count - 1, 1);
    const double step = step_square.sum() / steps, least = *std::min_element(low.of, low.of + LANES);
    const bool known = count && wrong.sum() == 0;
    const double found[NUMBERS] = {
        (double)count, count ? std::sqrt(variance + mean * mean) : 0, count ? mean : none, std::sqrt(variance),
        known ? least : none, known ? most(high) : none, known ? most(high) - least : none,
        skewness(cube.sum() / (double)count, variance), count > 1 ? (last - origin) / steps : none, count ? step : none,
        known ? most(step_most) : none, count ? (same.sum() - 1) / steps : none, skewness(step_cube.sum() / steps, step),
        variance > 0 ? std::sqrt(step / (2 * variance)) : none,
    };
    for (const double number : found) *out = number, out += distance;
}

// The least and the most of what is a number among the items, and the share above 0; the item whose mean squares are least but not 0.
template <class R> void moments(const Moments<R>& p) {
    const int64_t rows = p.channels * p.items;
    std::vector<double> total(p.items, 0.0);
    for (int64_t channel = 0; channel < p.channels; ++channel)
        for (int64_t item = 0; item < p.items; ++item) {
            double* const out = p.found + channel * p.items + item;
            moments_of(p, channel, item, out, rows);
            total[item] += out[rows] * out[rows];
        }
    const double none = std::numeric_limits<double>::quiet_NaN();
    for (int64_t row = 0; row < NUMBERS * p.channels; ++row) {
        double low = none, high = none, known = 0, above = 0;
        for (int64_t item = 0; item < p.items; ++item) {
            const double number = p.found[row * p.items + item];
            low = number >= low ? low : number == number ? number : low;
            high = number <= high ? high : number == number ? number : high;
            known += number == number;
            above += number > 0;
        }
        p.ends[row] = low;
        p.ends[NUMBERS * p.channels + row] = high;
        p.ends[2 * NUMBERS * p.channels + row] = above / known;
    }
    *p.faintest = 0;
    for (int64_t item = 0; item < p.items; ++item)
        if (total[item] > 0 && !(total[*p.faintest] > 0 && total[*p.faintest] <= total[item])) *p.faintest = item;
}
