//! Difficulties in lines for people.

/// A difficulty with its four leading digits, however small it is; all digits before the point.
pub fn difficulty_text(difficulty: f64) -> String {
    let rounded = format!("{difficulty:.3e}").parse().unwrap_or(difficulty);
    if difficulty >= 1000.0 {
        format!("{difficulty:.0}")
    } else if rounded == 0.0 || rounded >= 1e-6 {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficulties_read_well() {
        for (difficulty, text) in [
            (0.0, "0"),
            (2.693_574_212_855e-10, "2.694e-10"),
            (1e-7, "1e-7"),
            (1e-6, "0.000001"),
            (0.000_123_456, "0.0001235"),
            (0.045_163, "0.04516"),
            (1.5, "1.5"),
            (999.96, "1000"),
            (2536.426, "2536"),
            (126_271_255_279_306.97, "126271255279307"),
        ] {
            assert_eq!(difficulty_text(difficulty), text);
        }
    }
}
