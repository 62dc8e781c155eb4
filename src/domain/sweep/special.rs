//! Special functions that distributions and expected improvement need: the normal distribution and the beta distribution.

use std::f64::consts::{PI, SQRT_2};

/// Quantiles are looked up this far from 0 and 1, where the normal distribution has no value.
const EDGE: f64 = 1e-12;

/// The complementary error function, to 1.2e-7 relative (W. J. Cody's form in Numerical Recipes, `erfcc`).
fn erfc(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let sum = TERMS.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let positive = t * (-z * z + sum).exp();
    if x >= 0.0 { positive } else { 2.0 - positive }
}

pub fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

pub fn normal_probability(x: f64) -> f64 {
    0.5 * erfc(-x / SQRT_2)
}

/// Where the standard normal distribution reaches the probability (Acklam's approximation, 1.2e-9 relative).
pub fn normal_quantile(probability: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let sum = |terms: &[f64], x: f64| terms.iter().fold(0.0, |sum, term| sum * x + term);
    let p = probability.clamp(EDGE, 1.0 - EDGE);
    if (0.02425..=0.97575).contains(&p) {
        let (q, r) = (p - 0.5, (p - 0.5) * (p - 0.5));
        return sum(&A, r) * q / (sum(&B, r) * r + 1.0);
    }
    let tail = (-2.0 * p.min(1.0 - p).ln()).sqrt();
    let size = sum(&C, tail) / (sum(&D, tail) * tail + 1.0);
    if p < 0.5 { size } else { -size }
}

/// The logarithm of the gamma function (Lanczos).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.120_865_097_386_617_9e-2,
        -0.539_523_938_495_3e-5,
    ];
    let base = x + 5.5;
    let base = base - (x + 0.5) * base.ln();
    let sum =
        TERMS.iter().zip(1_u8..).fold(1.000_000_000_190_015, |sum, (term, step)| sum + term / (x + f64::from(step)));
    -base + (2.506_628_274_631_000_5 * sum / x).ln()
}

/// How probable it is that a value of the beta distribution is at most `x`.
pub fn beta_probability(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function (Lentz).
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const STEPS: u16 = 300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            change = d * c;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-12 {
            break;
        }
    }
    fraction
}

/// Where the beta distribution reaches the probability, by halving.
pub fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if beta_probability(middle, a, b) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-6, "{left} is not {right}");
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        near(normal_probability(0.0), 0.5);
        near(normal_probability(1.959_964), 0.975);
        near(normal_probability(-1.0), 0.158_655_3);
        near(normal_quantile(0.975), 1.959_964);
        near(normal_quantile(0.001), -3.090_232);
        near(normal_density(0.0), 0.398_942_3);
    }

    #[test]
    fn the_beta_distribution_is_that_of_the_tables() {
        near(beta_probability(0.5, 2.0, 2.0), 0.5);
        near(beta_probability(0.25, 1.0, 1.0), 0.25);
        near(beta_probability(0.3, 2.0, 5.0), 0.579_825);
        near(beta_quantile(0.579_825, 2.0, 5.0), 0.3);
        near(beta_quantile(0.5, 0.5, 0.5), 0.5);
    }
}
