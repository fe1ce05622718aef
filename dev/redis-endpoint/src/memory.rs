//! A small in-memory Redis with string values, expiry, and the error texts of Redis.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::reply::{CommandResult, Reply};

const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX_ERROR: &str = "ERR syntax error";
const UNSUPPORTED_OPTION: &str =
    "ERR the in-memory database does not support this option; use redis-server";

/// Each command, with its minimum and maximum number of arguments.
const COMMANDS: [(&str, usize, usize); 19] = [
    ("DBSIZE", 0, 0),
    ("DEL", 1, usize::MAX),
    ("ECHO", 1, 1),
    ("EXISTS", 1, usize::MAX),
    ("EXPIRE", 2, 3),
    ("FLUSHDB", 0, 1),
    ("GET", 1, 1),
    ("INCR", 1, 1),
    ("INCRBY", 2, 2),
    ("KEYS", 1, 1),
    ("MGET", 1, usize::MAX),
    ("PEXPIRE", 2, 3),
    ("PEXPIREAT", 2, 3),
    ("PEXPIRETIME", 1, 1),
    ("PING", 0, 1),
    ("PTTL", 1, 1),
    ("SET", 2, usize::MAX),
    ("TIME", 0, 0),
    ("TTL", 1, 1),
];

#[derive(Default)]
pub(crate) struct Memory {
    entries: HashMap<String, Entry>,
    /// The number of entries above which expired ones are removed.
    sweep_threshold: usize,
}

struct Entry {
    value: String,
    /// In Unix milliseconds.
    expires_at: Option<i64>,
}

impl Memory {
    pub(crate) fn run(
        &mut self,
        commands: &[Vec<String>],
        atomic: bool,
    ) -> Result<Vec<CommandResult>, String> {
        if atomic && let Some(error) = commands.iter().find_map(|command| validate(command).err()) {
            return Err(format!(
                "EXECABORT Transaction discarded because of previous errors. ({error})"
            ));
        }
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = since_epoch.as_millis() as i64;
        Ok(commands
            .iter()
            .map(|command| self.apply(command, now))
            .collect())
    }

    fn apply(&mut self, command: &[String], now: i64) -> CommandResult {
        let name = validate(command)?;
        let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        match (name, &arguments[..]) {
            ("GET", [key]) => Ok(self.value(key, now)),
            ("MGET", keys) => Ok(keys.iter().map(|key| self.value(key, now)).collect()),
            ("SET", [key, value, options @ ..]) => self.set(key, value, options, now),
            ("DEL", keys) => Ok(count(keys, |key| self.remove(key, now))),
            ("EXISTS", keys) => Ok(count(keys, |key| self.live_entry(key, now).is_some())),
            ("EXPIRE" | "PEXPIRE" | "PEXPIREAT", [key, time]) => self.expire(name, key, time, now),
            // Rounded to the nearest second, as Redis does.
            ("TTL", [key]) => Ok(self.expiry(key, now, |time| (time - now + 500) / 1000)),
            ("PTTL", [key]) => Ok(self.expiry(key, now, |time| time - now)),
            ("PEXPIRETIME", [key]) => Ok(self.expiry(key, now, |time| time)),
            ("INCR", [key]) => self.increment(key, 1, now),
            ("INCRBY", [key, amount]) => self.increment(key, parse_integer(amount)?, now),
            ("KEYS", [pattern]) => {
                self.sweep(now);
                let keys = self.entries.keys();
                Ok(keys
                    .filter(|key| matches(pattern.as_bytes(), key.as_bytes()))
                    .map(String::as_str)
                    .collect())
            }
            ("DBSIZE", []) => {
                self.sweep(now);
                Ok((self.entries.len() as i64).into())
            }
            ("FLUSHDB", _) => {
                self.entries.clear();
                Ok("OK".into())
            }
            ("PING", []) => Ok("PONG".into()),
            ("PING" | "ECHO", [text]) => Ok((*text).into()),
            ("TIME", []) => {
                let [seconds, microseconds] =
                    [now / 1000, now % 1000 * 1000].map(|part| part.to_string());
                Ok([&*seconds, &*microseconds].into_iter().collect())
            }
            _ => Err(UNSUPPORTED_OPTION.to_owned()),
        }
    }

    fn set(&mut self, key: &str, value: &str, options: &[&str], now: i64) -> CommandResult {
        let options = SetOptions::parse(options, now)?;
        let existing = self.live_entry(key, now);
        if options
            .must_exist
            .is_some_and(|must_exist| must_exist != existing.is_some())
        {
            return Ok(Reply::Nil);
        }
        let expires_at = if options.keep_expiry {
            existing.and_then(|entry| entry.expires_at)
        } else {
            options.expires_at
        };
        let value = value.to_owned();
        self.entries
            .insert(key.to_owned(), Entry { value, expires_at });
        if self.entries.len() > self.sweep_threshold {
            self.sweep(now);
            self.sweep_threshold = 2 * self.entries.len() + 1024;
        }
        Ok("OK".into())
    }

    fn expire(&mut self, name: &str, key: &str, time: &str, now: i64) -> CommandResult {
        let (unit, base) = match name {
            "EXPIRE" => (1000, now),
            "PEXPIRE" => (1, now),
            _ => (1, 0),
        };
        let expires_at = absolute_time(time, unit, base)?.ok_or_else(|| invalid_expire(name))?;
        Ok(match self.live_entry(key, now) {
            Some(entry) => {
                entry.expires_at = Some(expires_at);
                1.into()
            }
            None => 0.into(),
        })
    }

    fn increment(&mut self, key: &str, amount: i64, now: i64) -> CommandResult {
        let current = match self.live_entry(key, now) {
            Some(entry) => parse_integer(&entry.value)?,
            None => 0,
        };
        let sum = current.checked_add(amount);
        let sum = sum.ok_or("ERR increment or decrement would overflow")?;
        self.set(key, &sum.to_string(), &["KEEPTTL"], now)?;
        Ok(sum.into())
    }

    fn value(&mut self, key: &str, now: i64) -> Reply {
        match self.live_entry(key, now) {
            Some(entry) => entry.value.as_str().into(),
            None => Reply::Nil,
        }
    }

    /// Returns the expiry of a key, which `convert` converts from Unix milliseconds. Returns
    /// -2 for an absent key and -1 for a key without expiry.
    fn expiry(&mut self, key: &str, now: i64, convert: impl Fn(i64) -> i64) -> Reply {
        match self.live_entry(key, now) {
            Some(entry) => entry.expires_at.map_or(-1, convert).into(),
            None => (-2).into(),
        }
    }

    fn remove(&mut self, key: &str, now: i64) -> bool {
        let removed = self.entries.remove(key);
        removed.is_some_and(|entry| entry.is_live(now))
    }

    fn live_entry(&mut self, key: &str, now: i64) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.is_live(now))
    }

    fn sweep(&mut self, now: i64) {
        self.entries.retain(|_, entry| entry.is_live(now));
    }
}

impl Entry {
    fn is_live(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|time| time > now)
    }
}

#[derive(Default)]
struct SetOptions {
    expires_at: Option<i64>,
    keep_expiry: bool,
    /// Whether the key must exist (`true`) or must not exist (`false`). `None` allows both.
    must_exist: Option<bool>,
}

impl SetOptions {
    fn parse(words: &[&str], now: i64) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let has_expiry = options.keep_expiry || options.expires_at.is_some();
            let (unit, base) = match word.to_ascii_uppercase().as_str() {
                "NX" if options.must_exist.is_none() => {
                    options.must_exist = Some(false);
                    continue;
                }
                "XX" if options.must_exist.is_none() => {
                    options.must_exist = Some(true);
                    continue;
                }
                "KEEPTTL" if !has_expiry => {
                    options.keep_expiry = true;
                    continue;
                }
                "EX" if !has_expiry => (1000, now),
                "PX" if !has_expiry => (1, now),
                "EXAT" if !has_expiry => (1000, 0),
                "PXAT" if !has_expiry => (1, 0),
                "GET" => return Err(UNSUPPORTED_OPTION.to_owned()),
                _ => return Err(SYNTAX_ERROR.to_owned()),
            };
            let time = words.next().ok_or(SYNTAX_ERROR)?;
            let positive = parse_integer(time)? > 0;
            let expires_at = absolute_time(time, unit, base)?.filter(|_| positive);
            options.expires_at = Some(expires_at.ok_or_else(|| invalid_expire("SET"))?);
        }
        Ok(options)
    }
}

/// Returns the command's name in capitals. Fails when the command is unknown or the
/// number of its arguments is wrong.
fn validate(command: &[String]) -> Result<&'static str, String> {
    let [name, arguments @ ..] = command else {
        return Err("ERR empty command".to_owned());
    };
    let supported = COMMANDS
        .iter()
        .find(|(known, ..)| name.eq_ignore_ascii_case(known));
    match supported {
        Some((known, minimum, maximum)) if (*minimum..=*maximum).contains(&arguments.len()) => {
            Ok(known)
        }
        Some((known, ..)) => {
            let name = known.to_ascii_lowercase();
            Err(format!(
                "ERR wrong number of arguments for '{name}' command"
            ))
        }
        None => Err(unknown_command(name, arguments)),
    }
}

/// Returns the error text of Redis, which quotes at most 128 bytes of arguments, and a
/// hint.
fn unknown_command(name: &str, arguments: &[String]) -> String {
    let mut quoted = String::new();
    for argument in arguments {
        let room = 128_usize.saturating_sub(quoted.len());
        if room == 0 {
            break;
        }
        let argument = &argument[..argument.floor_char_boundary(room)];
        quoted += &format!("'{argument}' ");
    }
    format!(
        "ERR unknown command '{name}', with args beginning with: {quoted}\
         (the in-memory database supports string commands only; use redis-server for others)"
    )
}

fn count(keys: &[&str], mut predicate: impl FnMut(&str) -> bool) -> Reply {
    let count = keys.iter().filter(|key| predicate(key)).count();
    (count as i64).into()
}

/// Returns `base + time * unit` in Unix milliseconds, or `None` when it is out of range.
fn absolute_time(time: &str, unit: i64, base: i64) -> Result<Option<i64>, String> {
    let time = parse_integer(time)?.checked_mul(unit);
    Ok(time.and_then(|time| time.checked_add(base)))
}

fn invalid_expire(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    format!("ERR invalid expire time in '{name}' command")
}

fn parse_integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| NOT_AN_INTEGER.to_owned())
}

/// Matches a Redis glob pattern. Only `*` and `?` are supported.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        ([b'?', rest @ ..], [_, text @ ..]) => matches(rest, text),
        ([first, rest @ ..], [other, text @ ..]) => first == other && matches(rest, text),
        ([], []) => true,
        _ => false,
    }
}
