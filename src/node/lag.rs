//! A lag in words, as the ancestor writes it: `1d2h3m4s`.

/// Writes `seconds` without zero parts but always with seconds; unknown and exactly zero are `(n/a)`, negative is zero.
pub fn format_lag(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds.filter(|s| *s != 0.0) else {
        return "(n/a)".to_owned();
    };
    let whole = seconds.max(0.0) as u64;
    let mut text = String::new();
    for (unit, size, limit) in [("d", 86_400, u64::MAX), ("h", 3_600, 24), ("m", 60, 60)] {
        let part = whole / size % limit;
        if part > 0 {
            text.push_str(&format!("{part}{unit}"));
        }
    }
    text.push_str(&format!("{}s", whole % 60));
    text
}

#[cfg(test)]
mod tests {
    use super::format_lag;

    #[test]
    fn zero_parts_are_left_out_but_seconds() {
        assert_eq!(format_lag(None), "(n/a)");
        assert_eq!(format_lag(Some(0.0)), "(n/a)");
        assert_eq!(format_lag(Some(0.2)), "0s");
        assert_eq!(format_lag(Some(-3.0)), "0s");
        assert_eq!(format_lag(Some(894.0)), "14m54s");
        assert_eq!(format_lag(Some(3600.0)), "1h0s");
        assert_eq!(format_lag(Some(93_784.9)), "1d2h3m4s");
    }
}
