//! Fewer points than there are: evenly spaced real rows for clients, deterministic buckets for our own charts.
//! Nothing is random, so the same question always has the same answer.

use serde::{Deserialize, Serialize};

/// Indices of at most `samples` of `rows` rows, evenly spaced, the first and the last among them; all of them when
/// they are not too many.
pub fn evenly_spaced(rows: usize, samples: usize) -> Vec<usize> {
    if rows <= samples {
        return (0..rows).collect();
    }
    match samples {
        0 => Vec::new(),
        // One row cannot be first and last; the last one is the one that is looked for.
        1 => vec![rows - 1],
        _ => (0..samples).map(|index| rounded(index as u128 * (rows as u128 - 1), samples as u128 - 1)).collect(),
    }
}

fn rounded(dividend: u128, divisor: u128) -> usize {
    usize::try_from((dividend + divisor / 2) / divisor).unwrap_or(usize::MAX)
}

/// What a stretch of rows looks like for one key. NaN is counted apart: it has no place in an order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Steps of the first and the last row in it.
    pub first_step: i64,
    pub last_step: i64,
    /// Numbers other than NaN.
    pub count: u64,
    pub nans: u64,
    /// NaN when `count` is zero, as are the four below.
    pub min: f64,
    pub max: f64,
    pub first: f64,
    pub last: f64,
    pub sum: f64,
}

impl Bucket {
    pub fn of(step: i64, value: f64) -> Bucket {
        let is_nan = value.is_nan();
        Bucket {
            first_step: step,
            last_step: step,
            count: u64::from(!is_nan),
            nans: u64::from(is_nan),
            min: value,
            max: value,
            first: value,
            last: value,
            sum: value,
        }
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// Takes in a bucket whose rows come later.
    pub fn append(&mut self, later: &Bucket) {
        self.last_step = later.last_step;
        self.nans += later.nans;
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            let (first_step, nans) = (self.first_step, self.nans);
            *self = Bucket { first_step, nans, ..*later };
            return;
        }
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
        self.sum += later.sum;
    }
}

/// Divides the steps `min_step..=max_step` into equal parts and describes what falls into each; empty parts are left
/// out. Buckets may be made from rows, from coarser buckets, or from both, in order of steps: a coarse one belongs
/// where it begins.
#[derive(Debug)]
pub struct Buckets {
    min_step: i64,
    width: u128,
    parts: u128,
    buckets: Vec<(u128, Bucket)>,
}

impl Buckets {
    pub fn new(min_step: i64, max_step: i64, parts: usize) -> Self {
        let width = u128::from(max_step.abs_diff(min_step)) + 1;
        Buckets { min_step, width, parts: parts.max(1) as u128, buckets: Vec::new() }
    }

    /// Steps outside the range are ignored; steps must not descend.
    pub fn add(&mut self, bucket: &Bucket) {
        if bucket.first_step < self.min_step {
            return;
        }
        let distance = u128::from(bucket.first_step.abs_diff(self.min_step));
        if distance >= self.width {
            return;
        }
        let part = distance * self.parts / self.width;
        match self.buckets.last_mut() {
            Some((last, open)) if *last == part => open.append(bucket),
            _ => self.buckets.push((part, *bucket)),
        }
    }

    pub fn add_value(&mut self, step: i64, value: f64) {
        self.add(&Bucket::of(step, value));
    }

    pub fn finish(self) -> Vec<Bucket> {
        self.buckets.into_iter().map(|(_, bucket)| bucket).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(left: &[Bucket], right: &[Bucket]) -> bool {
        // NaN of empty buckets equals itself here.
        format!("{left:?}") == format!("{right:?}")
    }

    #[test]
    fn nan_is_counted_and_kept_out_of_the_order() {
        let mut buckets = Buckets::new(0, 9, 1);
        for (step, value) in [(0, f64::NAN), (1, 3.0), (2, f64::NAN), (3, 1.0), (4, f64::NAN)] {
            buckets.add_value(step, value);
        }

        let bucket = buckets.finish()[0];

        assert_eq!((bucket.first_step, bucket.last_step, bucket.count, bucket.nans), (0, 4, 2, 3));
        assert_eq!((bucket.min, bucket.max, bucket.first, bucket.last, bucket.mean()), (1.0, 3.0, 3.0, 1.0, 2.0));
    }

    #[test]
    fn the_widest_range_of_steps_does_not_overflow() {
        let mut buckets = Buckets::new(i64::MIN, i64::MAX, 1501);
        for step in [i64::MIN, -1, 0, i64::MAX] {
            buckets.add_value(step, 1.0);
        }

        assert_eq!(buckets.finish().len(), 3);
    }

    proptest! {
        #[test]
        fn samples_are_real_rows_in_order_with_both_ends(rows in 0usize..5000, samples in 0usize..600) {
            let picked = evenly_spaced(rows, samples);

            prop_assert_eq!(picked.len(), rows.min(samples));
            prop_assert!(picked.windows(2).all(|pair| pair[0] < pair[1]));
            if rows <= samples {
                prop_assert_eq!(&picked, &(0..rows).collect::<Vec<_>>());
            } else if samples >= 2 {
                prop_assert_eq!((picked[0], picked[samples - 1]), (0, rows - 1));
                let gaps: Vec<_> = picked.windows(2).map(|pair| pair[1] - pair[0]).collect();
                prop_assert!(gaps.iter().max().unwrap() - gaps.iter().min().unwrap() <= 1);
            }
        }

        #[test]
        fn buckets_keep_extremes_and_counts(
            mut steps in proptest::collection::vec(-50i64..200, 1..80),
            values in proptest::collection::vec(prop_oneof![-9.0..9.0f64, Just(f64::NAN), Just(f64::INFINITY)], 80),
            parts in 1usize..20,
        ) {
            steps.sort_unstable();
            let points: Vec<_> = steps.iter().copied().zip(values).collect();
            let mut buckets = Buckets::new(0, 99, parts);
            for (step, value) in &points {
                buckets.add_value(*step, *value);
            }
            let buckets = buckets.finish();

            let inside: Vec<_> = points.iter().filter(|(step, _)| (0..100).contains(step)).collect();
            let numbers: Vec<f64> = inside.iter().map(|(_, value)| *value).filter(|value| !value.is_nan()).collect();
            prop_assert!(buckets.len() <= parts);
            prop_assert_eq!(buckets.iter().map(|bucket| bucket.count + bucket.nans).sum::<u64>(), inside.len() as u64);
            let max = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NAN, f64::max).to_bits();
            prop_assert_eq!(max(&mut buckets.iter().map(|b| b.max)), max(&mut numbers.iter().copied()));
            prop_assert!(buckets.windows(2).all(|pair| pair[0].last_step < pair[1].first_step));
        }

        #[test]
        fn buckets_of_buckets_are_the_buckets_of_the_rows(
            mut steps in proptest::collection::vec(0i64..100, 1..60),
            values in proptest::collection::vec(prop_oneof![(-9i32..9).prop_map(f64::from), Just(f64::NAN)], 60),
        ) {
            steps.sort_unstable();
            let mut direct = Buckets::new(0, 99, 5);
            let mut fine = Buckets::new(0, 99, 50);
            for (step, value) in steps.into_iter().zip(values) {
                direct.add_value(step, value);
                fine.add_value(step, value);
            }
            let mut coarse = Buckets::new(0, 99, 5);
            for bucket in fine.finish() {
                coarse.add(&bucket);
            }
            prop_assert!(same(&direct.finish(), &coarse.finish()));
        }
    }
}
