//! Names of browsers and devices, by which members recognize their sessions.

/// Returns the name of the browser or program.
///
/// A user agent also contains the names of other browsers, so the order matters. A short
/// list is enough for members to recognize their own sessions. A library with a complete
/// list would be larger than the executable of a function.
pub fn browser(user_agent: &str) -> &'static str {
    const BROWSERS: [(&str, &str); 11] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("HeadlessChrome/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
        ("okhttp/", "Android app"),
    ];
    first_match(&BROWSERS, user_agent).unwrap_or("Unknown browser")
}

/// Returns the kind of device.
pub fn device(user_agent: &str) -> &'static str {
    const DEVICES: [(&str, &str); 8] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "Chromebook"),
        ("Windows", "Windows"),
        ("Macintosh", "Mac"),
        ("Linux", "Linux"),
        ("curl/", "Command line"),
    ];
    first_match(&DEVICES, user_agent).unwrap_or("Unknown device")
}

fn first_match(names: &[(&str, &'static str)], user_agent: &str) -> Option<&'static str> {
    names
        .iter()
        .find(|(word, _)| user_agent.contains(word))
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_recognized_by_its_own_token() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
            Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        assert_eq!((browser(edge), device(edge)), ("Edge", "Windows"));
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 \
            (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!((browser(iphone), device(iphone)), ("Safari", "iPhone"));
        assert_eq!(
            (browser(""), device("")),
            ("Unknown browser", "Unknown device")
        );
    }
}
