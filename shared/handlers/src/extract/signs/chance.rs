//! How likely it is that something happened by accident.

/// The chance of at least `hits` in `tries`, each of them with the chance `one`.
pub(super) fn at_least(hits: u64, tries: u64, one: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a chance")]
    let number = |n: u64| n as f64;
    if hits == 0 {
        return 1.0;
    }
    // Terms of the binomial distribution, each from the one before it, in logarithms.
    let (yes, no) = (one.ln(), (1.0 - one).ln());
    let mut term = number(tries) * no;
    let mut sum = 0.0;
    for hit in 1..=tries {
        term += (number(tries - hit + 1) / number(hit)).ln() + yes - no;
        if hit >= hits {
            let next = term.exp();
            sum += next;
            if next < sum * 1e-12 {
                break;
            }
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_the_binomial_distribution() {
        assert!((at_least(2, 2, 0.1) - 0.01).abs() < 1e-12);
        assert!((at_least(1, 3, 0.5) - 0.875).abs() < 1e-12);
        assert!((at_least(0, 3, 0.5) - 1.0).abs() < 1e-12);
        assert!(at_least(22, 35, 1.0 / 500.0) < 1e-40);
        assert!(at_least(4, 35, 0.1) > 0.3);
    }
}
