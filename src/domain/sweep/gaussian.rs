//! A Gaussian process: what a function may be between the points where it is known. Small enough to be read, and no more
//! than a sweep needs: a few hundred points, one decomposition for each guess at its lengths.

use std::f64::consts::PI;

/// The shortest and the longest length that is tried; the domain is 0 to 1 in each direction.
const LENGTHS: [f64; 6] = [0.08, 0.15, 0.3, 0.6, 1.2, 2.5];
const NOISES: [f64; 3] = [1e-6, 1e-3, 3e-2];
/// How often all directions are gone through when their lengths are fitted.
const ROUNDS: usize = 3;

/// A symmetric positive matrix as `L·Lᵀ`; the lower half, row by row.
struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// Nothing when the matrix is not positive enough.
    fn of(matrix: &[Vec<f64>]) -> Option<Self> {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
        for (index, given) in matrix.iter().enumerate() {
            let mut row = Vec::with_capacity(index + 1);
            for column in 0..index {
                let other: &Vec<f64> = &rows[column];
                let known: f64 = row.iter().zip(other).map(|(left, right): (&f64, &f64)| left * right).sum();
                row.push((given[column] - known) / other[column]);
            }
            let rest = given[index] - row.iter().map(|value| value * value).sum::<f64>();
            if rest <= 1e-14 {
                return None;
            }
            row.push(rest.sqrt());
            rows.push(row);
        }
        Some(Self { rows })
    }

    /// `x` with `L·x = b`.
    fn forward(&self, b: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(b.len());
        for (row, value) in self.rows.iter().zip(b) {
            let known: f64 = row.iter().zip(&x).map(|(left, right)| left * right).sum();
            x.push((value - known) / row[row.len() - 1]);
        }
        x
    }

    /// `x` with `Lᵀ·x = b`.
    fn backward(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        for index in (0..x.len()).rev() {
            x[index] /= self.rows[index][index];
            let value = x[index];
            for (column, entry) in self.rows[index][..index].iter().enumerate() {
                x[column] -= entry * value;
            }
        }
        x
    }

    fn ln_determinant(&self) -> f64 {
        2.0 * self.rows.iter().map(|row| row[row.len() - 1].ln()).sum::<f64>()
    }
}

/// How alike two points are, by how far they are apart in each direction.
#[derive(Debug, Clone)]
struct Kernel {
    lengths: Vec<f64>,
    noise: f64,
}

impl Kernel {
    /// Matérn 5/2: smooth, and not as smooth as to be wrong about everything.
    fn likeness(&self, left: &[f64], right: &[f64], is_unordered: &[bool]) -> f64 {
        let mut square = 0.0;
        for (direction, length) in self.lengths.iter().enumerate() {
            let apart = left[direction] - right[direction];
            let apart = if is_unordered[direction] { f64::from(u8::from(apart.abs() > 1e-9)) } else { apart };
            square += (apart / length) * (apart / length);
        }
        let far = (5.0 * square).sqrt();
        (1.0 + far + 5.0 * square / 3.0) * (-far).exp()
    }
}

pub struct Process {
    points: Vec<Vec<f64>>,
    is_unordered: Vec<bool>,
    kernel: Kernel,
    cholesky: Cholesky,
    weights: Vec<f64>,
    mean: f64,
    scale: f64,
}

impl Process {
    /// Fits the process to values at points. Nothing without points.
    pub fn fit(points: Vec<Vec<f64>>, values: &[f64], is_unordered: Vec<bool>) -> Option<Self> {
        let directions = points.first()?.len();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let spread = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let scale = if spread > 1e-12 { spread } else { 1.0 };
        let values: Vec<f64> = values.iter().map(|value| (value - mean) / scale).collect();

        let try_out = |kernel: &Kernel| fitted(&points, &values, &is_unordered, kernel);
        let mut best: Option<(f64, Kernel)> = None;
        let consider = |kernel: Kernel, best: &mut Option<(f64, Kernel)>| {
            if let Some((likelihood, ..)) = try_out(&kernel)
                && best.as_ref().is_none_or(|(known, _)| likelihood > *known)
            {
                *best = Some((likelihood, kernel));
            }
        };
        for length in LENGTHS {
            for noise in NOISES {
                consider(Kernel { lengths: vec![length; directions], noise }, &mut best);
            }
        }
        // Many directions and few points: lengths of their own would fit anything.
        if directions <= 20 {
            for _ in 0..ROUNDS {
                for direction in 0..directions {
                    let Some((_, kernel)) = best.clone() else { break };
                    for factor in [0.5, 0.75, 1.4, 2.0] {
                        let mut changed = kernel.clone();
                        changed.lengths[direction] = (kernel.lengths[direction] * factor).clamp(0.03, 5.0);
                        consider(changed, &mut best);
                    }
                }
            }
        }
        let (_, kernel) = best?;
        let (_, cholesky, weights) = fitted(&points, &values, &is_unordered, &kernel)?;
        Some(Self { points, is_unordered, kernel, cholesky, weights, mean, scale })
    }

    /// Mean and standard deviation at a point.
    pub fn at(&self, point: &[f64]) -> (f64, f64) {
        let alike: Vec<f64> =
            self.points.iter().map(|known| self.kernel.likeness(known, point, &self.is_unordered)).collect();
        let mean: f64 = alike.iter().zip(&self.weights).map(|(left, right)| left * right).sum();
        let explained: f64 = self.cholesky.forward(&alike).iter().map(|value| value * value).sum();
        let variance = (1.0 - explained).max(1e-12);
        (mean * self.scale + self.mean, variance.sqrt() * self.scale)
    }

    /// The same process after it is believed that the function is as expected at these points.
    pub fn believing(self, pending: &[Vec<f64>]) -> Self {
        let Self { mut points, is_unordered, kernel, cholesky, weights, mean, scale } = self;
        let unchanged = |points, is_unordered, kernel, cholesky, weights| Self {
            points,
            is_unordered,
            kernel,
            cholesky,
            weights,
            mean,
            scale,
        };
        if pending.is_empty() {
            return unchanged(points, is_unordered, kernel, cholesky, weights);
        }
        // The weights stay those of the known points, so that the mean does not move; only the doubt shrinks.
        let known = points.len();
        points.extend(pending.iter().cloned());
        let matrix = matrix(&points, &is_unordered, &kernel);
        match Cholesky::of(&matrix) {
            Some(cholesky) => {
                let weights = weights.into_iter().chain(pending.iter().map(|_| 0.0)).collect();
                unchanged(points, is_unordered, kernel, cholesky, weights)
            }
            None => {
                points.truncate(known);
                unchanged(points, is_unordered, kernel, cholesky, weights)
            }
        }
    }
}

fn matrix(points: &[Vec<f64>], is_unordered: &[bool], kernel: &Kernel) -> Vec<Vec<f64>> {
    let row = |(index, left): (usize, &Vec<f64>)| {
        let mut row: Vec<f64> =
            points[..=index].iter().map(|right| kernel.likeness(left, right, is_unordered)).collect();
        row[index] += kernel.noise + 1e-8;
        row
    };
    points.iter().enumerate().map(row).collect()
}

/// The logarithm of how likely the values are with these lengths, the decomposition, and the weights of the points.
fn fitted(
    points: &[Vec<f64>],
    values: &[f64],
    is_unordered: &[bool],
    kernel: &Kernel,
) -> Option<(f64, Cholesky, Vec<f64>)> {
    let cholesky = Cholesky::of(&matrix(points, is_unordered, kernel))?;
    let half = cholesky.forward(values);
    let misfit: f64 = half.iter().map(|value| value * value).sum();
    let likelihood = -0.5 * (misfit + cholesky.ln_determinant() + values.len() as f64 * (2.0 * PI).ln());
    let weights = cholesky.backward(&half);
    Some((likelihood, cholesky, weights))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_solved() {
        let matrix = vec![vec![4.0], vec![2.0, 5.0], vec![0.6, 1.0, 3.0]];
        let cholesky = Cholesky::of(&matrix).unwrap();
        let x = cholesky.backward(&cholesky.forward(&[1.0, 2.0, 3.0]));

        let row = |a: f64, b: f64, c: f64| a * x[0] + b * x[1] + c * x[2];
        for (found, wanted) in [(row(4.0, 2.0, 0.6), 1.0), (row(2.0, 5.0, 1.0), 2.0), (row(0.6, 1.0, 3.0), 3.0)] {
            assert!((found - wanted).abs() < 1e-12, "{found}");
        }
        assert!((cholesky.ln_determinant() - 45.0_f64.ln()).abs() < 0.1);
        assert!(Cholesky::of(&[vec![1.0], vec![2.0, 1.0]]).is_none());
    }

    #[test]
    fn it_knows_what_it_was_told_and_doubts_the_rest() {
        let points: Vec<Vec<f64>> = (0..9).map(|step| vec![f64::from(step) / 8.0]).collect();
        let values: Vec<f64> = points.iter().map(|point| (6.0 * point[0]).sin()).collect();
        let process = Process::fit(points, &values, vec![false]).unwrap();

        let (mean, doubt) = process.at(&[0.5]);
        assert!((mean - 3.0_f64.sin()).abs() < 0.02 && doubt < 0.1, "{mean} {doubt}");
        let (mean, _) = process.at(&[0.4375]);
        assert!((mean - 2.625_f64.sin()).abs() < 0.05, "{mean}");
        let (_, outside) = process.at(&[1.6]);
        assert!(outside > 5.0 * doubt, "{outside}");
    }

    #[test]
    fn believing_shrinks_the_doubt_and_not_the_mean() {
        let process = || Process::fit(vec![vec![0.0], vec![1.0]], &[0.0, 1.0], vec![false]).unwrap();
        let (mean, doubt) = process().at(&[0.5]);

        let (mean_after, doubt_after) = process().believing(&[vec![0.5]]).at(&[0.5]);
        assert!((mean - mean_after).abs() < 1e-9 && doubt_after < 0.5 * doubt, "{doubt} {doubt_after}");
    }
}
