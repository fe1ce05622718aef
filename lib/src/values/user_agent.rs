//! What a member recognises a session by: the browser and the device.

/// The name of the browser, or of the program, that this user agent belongs to.
///
/// Every browser claims to be the older ones as well, so the order matters.
/// A list to recognise one's own sessions by needs no more than this; the
/// libraries that know thousands weigh more than a function.
pub fn browser(user_agent: &str) -> &'static str {
    const KNOWN: [(&str, &str); 11] = [
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
    first(&KNOWN, user_agent).unwrap_or("Unknown browser")
}

/// What kind of device this user agent runs on.
pub fn device(user_agent: &str) -> &'static str {
    const KNOWN: [(&str, &str); 8] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "Chromebook"),
        ("Windows", "Windows"),
        ("Macintosh", "Mac"),
        ("Linux", "Linux"),
        ("curl/", "Command line"),
    ];
    first(&KNOWN, user_agent).unwrap_or("Unknown device")
}

fn first(known: &[(&str, &'static str)], user_agent: &str) -> Option<&'static str> {
    known
        .iter()
        .find(|(mark, _)| user_agent.contains(mark))
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_what_only_it_says() {
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
