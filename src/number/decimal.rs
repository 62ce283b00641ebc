//! Bounds as people read them: three significant digits that do not understate.

/// Three digits of a non-negative bound, rounded up: the float that they read back as is no
/// less than `x`. Zero is "0", +∞ "inf".
pub fn up(x: f64) -> String {
    if x == 0.0 {
        return "0".to_string();
    }
    if !x.is_finite() {
        return x.to_string();
    }
    let nearest = format!("{x:.2e}");
    let covers = |text: &str| text.parse().is_ok_and(|shown: f64| shown >= x);
    if covers(&nearest) {
        return nearest;
    }
    // Printing rounds to nearest; one unit of the third digit more covers x.
    let next = || {
        let (digits, exponent) = nearest.split_once('e')?;
        let digits: i32 = digits.replace('.', "").parse().ok()?;
        let exponent: i32 = exponent.parse().ok()?;
        let next: f64 = format!("{}e{}", digits + 1, exponent - 2).parse().ok()?;
        Some(format!("{next:.2e}"))
    };
    next().unwrap_or_else(|| f64::INFINITY.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_round_up_by_at_most_one_percent(x in 1e-300..1e300_f64) {
            let text = up(x);
            let shown: f64 = text.parse().unwrap();
            prop_assert!(shown >= x && shown <= x * 1.011);
            prop_assert_eq!(up(shown), text);
        }
    }

    #[test]
    fn extremes_are_words_or_cover() {
        assert_eq!(up(0.0), "0");
        assert_eq!(up(f64::INFINITY), "inf");
        assert_eq!(up(9.999), "1.00e1");
        assert!(up(5e-324).parse::<f64>().unwrap() >= 5e-324);
        assert!(up(f64::MAX).parse::<f64>().unwrap() >= f64::MAX);
    }
}
