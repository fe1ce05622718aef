//! The commands that Upstash does not offer over REST.

/// Commands that change the state of a connection, which all requests share here, or that
/// get no reply or several replies. Later requests would then get the replies of other requests.
const CONNECTION_STATE: [&str; 21] = [
    "AUTH",
    "CLIENT",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "REPLCONF",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WATCH",
];

/// Commands that can wait, and would delay every later request on the shared connection.
const BLOCKING: [&str; 10] = [
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "WAIT",
    "WAITAOF",
];

/// Returns the error text for a command that is not available over REST, or `None` for
/// all other commands.
pub(crate) fn find_refusal(command: &[String]) -> Option<String> {
    let name = command.first()?.to_ascii_uppercase();
    if name.is_empty() {
        return Some("ERR empty command".to_owned());
    }
    if CONNECTION_STATE.contains(&name.as_str()) {
        return Some(format!("ERR {name} is not available over REST"));
    }
    if BLOCKING.contains(&name.as_str()) || blocks_by_option(&name, command) {
        return Some(format!(
            "ERR {name} is not available over REST if it blocks"
        ));
    }
    None
}

/// Returns whether the command reads a stream and waits for new entries.
fn blocks_by_option(name: &str, command: &[String]) -> bool {
    // Only the words before STREAMS are options. A key after it may be named `block`.
    let mut options = command
        .iter()
        .take_while(|word| !word.eq_ignore_ascii_case("STREAMS"));
    matches!(name, "XREAD" | "XREADGROUP") && options.any(|word| word.eq_ignore_ascii_case("BLOCK"))
}
