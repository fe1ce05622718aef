//! Lists whose entries have weights, as in the headers `Accept` and `Accept-Language` (RFC
//! 9110, section 12.4.2).

/// Returns the entries of a list such as `es, en;q=0.8`, each with its weight from 0 to 1000.
/// Other parameters are ignored, and an invalid weight counts as 0.
pub fn parse_weighted_list(text: &str) -> impl Iterator<Item = (&str, u16)> {
    text.split(',').map(|entry| {
        let (value, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let mut parameters = parameters.split(';');
        let weight = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        (value.trim(), weight.map_or(1_000, parse_weight))
    })
}

/// Parses a weight such as `0.8`.
fn parse_weight(text: &str) -> u16 {
    let weight: f32 = text.parse().unwrap_or_default();
    // NaN becomes 0.
    (weight.clamp(0.0, 1.0) * 1_000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_weight_of_its_parameter_q() {
        for (entry, expected) in [
            ("es", ("es", 1_000)),
            (" text/html ; level=1 ; Q = 0.25 ", ("text/html", 250)),
            ("es;q=0", ("es", 0)),
            ("es;q=high", ("es", 0)),
            ("es;q=NaN", ("es", 0)),
            ("es;q=-1", ("es", 0)),
            ("es;q=7", ("es", 1_000)),
            ("", ("", 1_000)),
        ] {
            let parsed: Vec<_> = parse_weighted_list(entry).collect();
            assert_eq!(parsed, [expected], "{entry}");
        }
        assert_eq!(parse_weighted_list("es, en;q=0.8").count(), 2);
    }
}
